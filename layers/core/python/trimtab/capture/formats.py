"""Which format a payload has: by encoding and content type, then by its content."""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from trimtab.capture.alike import RawTexts
from trimtab.capture.base64_payloads import decoded
from trimtab.capture.columns import MISSING
from trimtab.capture.envelope import NOT_CAPTURED
from trimtab.capture.faults import FaultError
from trimtab.capture.table import number_of

type Kind = Literal["absent", "csv", "json", "numpy", "image", "text", "markup", "binary", "unknown"]
"""`markup` is an HTML or XML page, `binary` bytes of no format known here, `unknown` for the content to say."""

type Payloads = Sequence[Any] | RawTexts
"""Payloads of one kind: texts, or bytes of what is binary."""

_KINDS: dict[str, Kind] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/json": "json",
    "application/jsonlines": "json",
    "application/x-jsonlines": "json",
    "application/x-ndjson": "json",
    "application/ndjson": "json",
    "application/x-json": "json",
    "text/json": "json",
    "application/x-npy": "numpy",
}
_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x93NUMPY", "numpy"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"RIFF", "image"),
)


@dataclass(frozen=True, slots=True)
class Format:
    """`kind` as far as the envelope tells it; `is_base64` says that the captured text is BASE64 of the payload."""

    kind: Kind
    is_base64: bool


@lru_cache(maxsize=1024)
def format_of(encoding: str, content_type: str) -> Format:
    """The format by `encoding` and `observedContentType`. Parameters of the content type do not matter."""
    if encoding == NOT_CAPTURED:
        return Format("absent", is_base64=False)
    encoding = encoding.strip().upper()
    mime = content_type.partition(";")[0].strip().lower()
    by_mime = _KINDS.get(mime, "unknown")
    if by_mime == "unknown" and mime.endswith("+json"):
        by_mime = "json"
    if mime.startswith("image/"):
        by_mime = "image"
    if encoding == "BASE64":
        return Format(by_mime, is_base64=True)
    if by_mime in ("csv", "json"):
        return Format(by_mime, is_base64=False)
    return Format({"CSV": "csv", "JSON": "json"}.get(encoding, "unknown"), is_base64=False)  # type: ignore[arg-type]


def payload_of(data: str, form: Format) -> tuple[Kind, str | bytes]:
    """The payload and its kind: text for csv, json and text, bytes for the binary kinds.

    Raises FaultError when the BASE64 or the UTF-8 in it is broken.
    """
    if not form.is_base64:
        return (kind_of_text(data) if form.kind == "unknown" else form.kind), data
    try:
        body = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        body = _base64_with_spaces(data, error)
    kind = _kind_of_bytes(body) if form.kind == "unknown" else form.kind
    if kind in ("numpy", "image", "binary"):
        return kind, body
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        if form.kind == "unknown":
            return "binary", body
        raise FaultError("not_utf8", f"byte {error.start + 1} of the payload is not UTF-8") from error
    return (kind_of_text(text) if kind == "unknown" else kind), text


def texts_of(data: Payloads, form: Format) -> Payloads | None:
    """All payloads at once, when the envelope alone tells that they are texts and none is broken, else None."""
    if not form.is_base64:
        return None if form.kind == "unknown" else data
    if form.kind not in ("csv", "json"):
        return None
    return decoded(data) if isinstance(data, RawTexts) else None


def each_of(payloads: Payloads) -> Sequence[Any]:
    return payloads.texts() if isinstance(payloads, RawTexts) else payloads


def _base64_with_spaces(data: str, error: ValueError) -> bytes:
    try:
        return binascii.a2b_base64("".join(data.split()), strict_mode=True)
    except ValueError:
        raise FaultError("bad_base64", str(error)) from error


def _kind_of_bytes(body: bytes) -> Kind:
    return next((kind for magic, kind in _MAGIC if body.startswith(magic)), "unknown")


def kind_of_text(text: str) -> Kind:
    """What a text without a telling content type is: JSON by its first character, CSV when at least half the cells of
    its first line are numbers or missing, else text."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[", '"')):
        return "json"
    if start.startswith("<"):
        return "markup"
    cells = start[:10_000].partition("\n")[0].split(",")
    numbers = sum(cell.strip() in MISSING or number_of(cell) is not None for cell in cells)
    return "csv" if 2 * numbers >= len(cells) else "text"
