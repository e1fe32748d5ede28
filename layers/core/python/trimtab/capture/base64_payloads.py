"""Payloads out of BASE64, all at once: a call for each would take ten times as long as the decoding."""

import binascii

import numpy as np

from trimtab.capture.alike import RawTexts, is_utf8
from trimtab.capture.slices import letters_of, taken

_PADDING, _ZERO = b"=A"
_SPARE = 4
_ZEROS = int.from_bytes(b"A" * _SPARE)


def decoded(payloads: RawTexts) -> RawTexts | None:
    """The texts, or None when one is no strict BASE64 or not UTF-8."""
    lengths = payloads.ends - payloads.starts
    if (lengths % 4).any():
        return None
    # here and not above: only the functions that decode have it
    from pybase64 import b64decode

    # four letters more than each has: when they are decoded, there is room for a separator
    letters = taken(payloads.letters, payloads.starts, payloads.ends + _SPARE)
    ends = np.cumsum(lengths + _SPARE) - _SPARE
    letters.view(np.uint32)[ends // 4] = _ZEROS
    is_padded = (letters[ends - 1] == _PADDING) & (lengths > 0)
    is_padded_twice = is_padded & (letters[ends - 2] == _PADDING)
    letters[(ends - 1)[is_padded]] = _ZERO
    letters[(ends - 2)[is_padded_twice]] = _ZERO
    try:
        body = b64decode(letters, validate=True)
    except binascii.Error:
        return None
    if not is_utf8(body):
        return None
    body_ends = ends // 4 * 3
    starts = body_ends - lengths // 4 * 3
    return RawTexts(letters_of(body), starts, body_ends - is_padded - is_padded_twice, escaped=False)
