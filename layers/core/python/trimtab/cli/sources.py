"""Files on disk and objects in S3: which ones a person means, and their content in parts that processes share."""

import glob
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Literal

import msgspec

from trimtab.capture.lines import GROUP_BYTES, LINE_BYTES
from trimtab.cli.options import InputError

CAPTURE_ENDINGS = (".jsonl", ".jsonl.gz")
BATCH_ENDINGS = (".out",)
TABLE_ENDINGS = (".csv", ".csv.gz", ".parquet")
PART_GROUPS = 8
_CHUNK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 20
_S3 = "s3://"
_STARTS_OF_STREAMS = (b"\x1f\x8b", b"\xef\xbb\xbf")

type Format = Literal["captures", "table", "batch_output", "manifest"]


@dataclass(frozen=True, slots=True)
class Part:
    """What one process reads of a file: its bytes from `start` up to `stop` (None: its end). `size` in bytes, 0 when
    that is not known."""

    path: str
    format: Format
    size: int = 0
    start: int = 0
    stop: int | None = None


def find_files(patterns: Iterable[str]) -> list[str]:
    """The files that paths, folders, globs and `s3://bucket/prefix` stand for, each once, in order.

    A folder or a prefix stands for the captures, batch outputs and tables in and below it, told by their endings.
    Raises InputError when one stands for nothing, OSError when a folder cannot be listed.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        for path in _objects(pattern) if pattern.startswith(_S3) else _local_files(pattern):
            found.setdefault(path if path.startswith(_S3) else str(Path(path).resolve()), path)
    return list(found.values())


def parts_of(path: str, *, group_bytes: int = GROUP_BYTES, may_hold_rows: bool = False) -> list[Part]:
    """The parts of a file, in order. A large capture file is cut only where the decoder ends a group of lines anyway,
    so that reading the parts is reading the whole. With `may_hold_rows`, JSON Lines without captures are a table.

    A file that cannot be opened is one part; reading it says why.
    """
    lower = path.lower()
    if lower.endswith(TABLE_ENDINGS):
        return [Part(path, "table", _size(path))]
    if lower.endswith(BATCH_ENDINGS):
        return [Part(path, "batch_output", _size(path))]
    if path.startswith(_S3):
        return [Part(path, _format_of_head(path, may_hold_rows=may_hold_rows) if may_hold_rows else "captures")]
    try:
        form = _format_of_head(path, may_hold_rows=may_hold_rows)
        if form == "captures":
            return list(_cut(path, group_bytes))
    except OSError:
        form = "captures"
    return [Part(path, form, _size(path))]


def chunks_of(part: Part) -> Iterator[bytes]:
    """The bytes of a part. Raises OSError."""
    if part.path.startswith(_S3):
        yield from _object_chunks(part.path)
        return
    with Path(part.path).open("rb") as file:
        file.seek(part.start)
        left = part.stop - part.start if part.stop is not None else -1
        while left and (chunk := file.read(_CHUNK_BYTES if left < 0 else min(left, _CHUNK_BYTES))):
            left -= len(chunk) if left > 0 else 0
            yield chunk


@contextmanager
def seekable(part: Part) -> Iterator[IO[bytes]]:
    """The whole file, to be read in any order. Raises OSError."""
    if not part.path.startswith(_S3):
        with Path(part.path).open("rb") as local:
            yield local
        return
    with TemporaryFile() as copy:
        for chunk in _object_chunks(part.path):
            copy.write(chunk)
        copy.seek(0)
        yield copy


def lines_before(part: Part) -> int:
    """How many lines of the file stand before the part."""
    if not part.start:
        return 0
    return sum(chunk.count(b"\n") for chunk in chunks_of(Part(part.path, part.format, stop=part.start)))


def _local_files(pattern: str) -> list[str]:
    path = Path(pattern)
    if path.is_dir():
        return _known(pattern, sorted(_files_below(path)))
    if path.exists():
        return [pattern]
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - of Path, only a relative pattern would do
    if not matches:
        raise InputError(f"{pattern}: there is no such file or folder")
    return [file for match in matches for file in (_local_files(match) if Path(match).is_dir() else [match])]


def _files_below(folder: Path) -> Iterator[str]:
    """The files in and below a folder. Raises OSError where a folder cannot be listed: passed over, as by `rglob`, its
    files would be left out of the result and nobody told."""

    def refuse(error: OSError) -> None:
        raise error

    for parent, _, names in folder.walk(on_error=refuse):
        yield from (str(parent / name) for name in names if (parent / name).is_file())


def _known(pattern: str, paths: list[str]) -> list[str]:
    endings = (*CAPTURE_ENDINGS, *BATCH_ENDINGS, *TABLE_ENDINGS)
    known = [path for path in paths if path.lower().endswith(endings)]
    if not known:
        raise InputError(f"{pattern}: no file in it ends in {', '.join(endings)}")
    return known


def _cut(path: str, group_bytes: int) -> Iterator[Part]:
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        start = position = groups = 0
        while size - position > group_bytes and not file.read(3).startswith(_STARTS_OF_STREAMS):
            file.seek(position + group_bytes - 1)
            rest = file.readline(LINE_BYTES)
            if not rest.endswith(b"\n"):
                break
            position += group_bytes - 1 + len(rest)
            groups += 1
            if groups % PART_GROUPS == 0 and position < size:
                yield Part(path, "captures", position - start, start, position)
                start = position
    yield Part(path, "captures", size - start, start, None)


def _size(path: str) -> int:
    try:
        return 0 if path.startswith(_S3) else Path(path).stat().st_size
    except OSError:
        return 0


def _format_of_head(path: str, *, may_hold_rows: bool) -> Format:
    """What a file that ends in no table's ending holds, by its beginning."""
    head = b""
    for chunk in chunks_of(Part(path, "captures", stop=None if path.startswith(_S3) else _HEAD_BYTES)):
        head = (head + chunk)[:_HEAD_BYTES]
        if len(head) == _HEAD_BYTES:
            break
    if b'"captureData"' in head:
        return "captures"
    if _is_manifest(head):
        return "manifest"
    first = next((line for line in head.splitlines() if line.strip()), b"")
    if may_hold_rows and path.lower().endswith((".json", ".jsonl", ".ndjson")) and b'"groundTruthData"' not in head:
        try:
            if isinstance(msgspec.json.decode(first), dict):
                return "table"
        except msgspec.DecodeError:
            pass
    return "captures"


def _is_manifest(head: bytes) -> bool:
    """Whether this is the list of files that a batch transform captures: `[{"prefix": "s3://…"}, "file", …]`."""
    if not head.lstrip().startswith(b"["):
        return False
    try:
        document = msgspec.json.decode(head)
    except msgspec.DecodeError:
        return False
    return bool(document) and isinstance(document[0], dict) and "prefix" in document[0]


def _objects(address: str) -> list[str]:
    # here and not above: only who reads from S3 needs boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from trimtab.aws import s3

    bucket, _, prefix = address.removeprefix(_S3).partition("/")
    try:
        keys = list(s3.list_keys(bucket, prefix))
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{address}: {error}") from error
    if prefix in keys and not prefix.endswith("/"):
        return [address]
    if not keys:
        raise InputError(f"{address}: there is no such object or prefix")
    return _known(address, [f"{_S3}{bucket}/{key}" for key in keys])


def _object_chunks(address: str) -> Iterator[bytes]:
    from botocore.exceptions import BotoCoreError, ClientError

    from trimtab.aws import s3

    bucket, _, key = address.removeprefix(_S3).partition("/")
    try:
        yield from s3.open_object(bucket, key).chunks
    except (BotoCoreError, ClientError, s3.ObjectNotFoundError) as error:
        raise OSError(str(error)) from error
