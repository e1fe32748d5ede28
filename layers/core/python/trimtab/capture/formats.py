"""Which format a payload has: by encoding and content type, then by its content."""

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from trimtab.capture.alike import RawTexts
from trimtab.capture.base64_payloads import decoded
from trimtab.capture.columns import MISSING
from trimtab.capture.envelope import NOT_CAPTURED
from trimtab.capture.faults import FaultError
from trimtab.capture.json_shapes import parse_json
from trimtab.capture.table import number_of

type Kind = Literal["absent", "csv", "json", "numpy", "media", "table", "text", "markup", "binary", "unknown"]
"""`media` is one image, sound, film or document, `table` rows in a format that is not read here, so that nobody knows
how many, `markup` an HTML or XML page, `binary` bytes of no format known here, `unknown` for the content to say."""

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
    "application/x-image": "media",
    "application/pdf": "media",
    "application/x-recordio-protobuf": "table",
    "application/x-recordio": "table",
    "application/x-parquet": "table",
    "application/parquet": "table",
    "application/vnd.apache.parquet": "table",
    "application/vnd.apache.arrow.file": "table",
    "application/vnd.apache.arrow.stream": "table",
    "application/x-npz": "table",
    "text/libsvm": "table",
    "text/x-libsvm": "table",
}
_MEDIA = ("image/", "audio/", "video/")
_BRACKETS = ("[", "{")
_NUMERIC_STARTS = tuple("0123456789-+.")
_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x93NUMPY", "numpy"),
    (b"\x89PNG", "media"),
    (b"\xff\xd8\xff", "media"),
    (b"GIF8", "media"),
    (b"RIFF", "media"),
    (b"%PDF-", "media"),
    (b"PAR1", "table"),
    (b"ARROW1", "table"),
    (b"\x0a\x23\xd7\xce", "table"),  # RecordIO
    (b"PK\x03\x04", "table"),  # npz
    *((b"\x80" + bytes([protocol]), "table") for protocol in range(2, 6)),  # pickle
)
_LIBSVM = re.compile(r"[-+.\deE]+(?: +\d+:[-+.\deE]+)+ *")


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
        # Triton's binary extension: a header in JSON, tensors behind it
        by_mime = "binary" if mime.endswith("binary+json") else "json"
    if mime.startswith(_MEDIA):
        by_mime = "media"
    if encoding == "BASE64":
        return Format(by_mime, is_base64=True)
    if by_mime in ("csv", "json") or (by_mime == "table" and mime.startswith("text/")):
        return Format(by_mime, is_base64=False)
    return Format({"CSV": "csv", "JSON": "json"}.get(encoding, "unknown"), is_base64=False)  # type: ignore[arg-type]


def payload_of(data: str, form: Format) -> tuple[Kind, str | bytes]:
    """The payload and its kind: text for csv, json and text, bytes for the binary kinds.

    Raises FaultError when the BASE64 or the UTF-8 in it is broken.
    """
    if not form.is_base64:
        return _text_of(data, form.kind)
    try:
        body = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        body = _base64_with_spaces(data, error)
    kind = _kind_of_bytes(body) if form.kind == "unknown" else form.kind
    if kind in ("numpy", "media", "table", "binary"):
        return kind, body
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        if form.kind == "unknown":
            return "binary", body
        raise FaultError("not_utf8", f"byte {error.start + 1} of the payload is not UTF-8") from error
    return _text_of(text, kind)


def texts_of(data: Payloads, form: Format) -> Payloads | None:
    """All payloads at once, when the envelope alone tells that they are texts and none is broken, else None."""
    if form.kind not in ("csv", "json"):
        return data if form.kind == "absent" else None
    texts: Payloads | None = data
    if form.is_base64:
        texts = decoded(data) if isinstance(data, RawTexts) else None
    return None if texts is not None and _any_may_be_other(texts, form.kind) else texts


def _any_may_be_other(payloads: Payloads, kind: Kind) -> bool:
    """Whether CSV may be among what is said to be JSON, or the other way round."""
    is_other = _may_be_json if kind == "csv" else _may_be_csv
    if isinstance(payloads, RawTexts):
        firsts = payloads.letters[payloads.starts]
        if not any(bool((firsts == ord(start)).any()) for start in (_BRACKETS if kind == "csv" else _NUMERIC_STARTS)):
            return False
        payloads = payloads.texts()
    return any(map(is_other, payloads))


def _may_be_json(text: str) -> bool:
    return text.startswith(_BRACKETS)


def _may_be_csv(text: str) -> bool:
    return text.startswith(_NUMERIC_STARTS) and "," in text


def each_of(payloads: Payloads) -> Sequence[Any]:
    return payloads.texts() if isinstance(payloads, RawTexts) else payloads


def _text_of(text: str, kind: Kind) -> tuple[Kind, str | bytes]:
    if kind == "unknown":
        kind = kind_of_text(text)
    if kind == "table":
        return kind, text.encode(errors="replace")
    if kind == "json" and _may_be_csv(text) and _are_numbers(text):
        return "csv", text
    if kind == "csv" and text.startswith(_BRACKETS):
        json_text = _json_in_csv(text)
        if json_text is not None:
            return "json", json_text
    return kind, text


def _json_in_csv(text: str) -> str | None:
    """The JSON that a payload is although its content type says CSV, or None when it is CSV. Containers say so of any
    answer; XGBoost answers rows of probabilities as `[0.1, 0.9],[0.7, 0.3]`."""
    try:
        if all(isinstance(document, dict | list) for document in parse_json(text)):
            return text
    except FaultError:
        pass
    try:
        documents = parse_json(f"[{text}]")
    except FaultError:
        return None
    is_rows = len(documents) == 1 and all(isinstance(item, list) for item in documents[0])
    return f"[{text}]" if is_rows else None


def _are_numbers(text: str) -> bool:
    """Whether every cell of every line is a number, as no JSON document is."""
    return all(number_of(cell) is not None for line in text.splitlines() if line for cell in line.split(","))


def _base64_with_spaces(data: str, error: ValueError) -> bytes:
    try:
        return binascii.a2b_base64("".join(data.split()), strict_mode=True)
    except ValueError:
        raise FaultError("bad_base64", str(error)) from error


def _kind_of_bytes(body: bytes) -> Kind:
    return next((kind for magic, kind in _MAGIC if body.startswith(magic)), "unknown")


def kind_of_text(text: str) -> Kind:
    """What a text without a telling content type is: JSON by its first character, a table by a first line in LIBSVM's
    format (`0 1:0.5 7:2`), CSV when at least half the cells of that line are numbers or missing, else text."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[", '"')):
        return "json"
    if start.startswith("<"):
        return "markup"
    first = start[:10_000].partition("\n")[0]
    if _LIBSVM.fullmatch(first.rstrip("\r")):
        return "table"
    cells = first.split(",")
    numbers = sum(cell.strip() in MISSING or number_of(cell) is not None for cell in cells)
    return "csv" if 2 * numbers >= len(cells) else "text"
