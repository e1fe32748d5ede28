import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.capture_objects import CaptureObject, DeliveryError, save, write

TIME = datetime(2026, 1, 1, tzinfo=UTC)
OBJECTS = [CaptureObject(f"p/{n:03}.jsonl", str(n).encode(), TIME, 1, TIME) for n in range(200)]


class Bucket:
    """Keeps what is put; refuses the keys in `refused`."""

    def __init__(self, refused: frozenset[str] = frozenset()) -> None:
        self.refused = refused
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Any:  # noqa: N803
        if Key in self.refused:
            raise ConnectionError("refused")
        with self._lock:
            self.objects[f"{Bucket}/{Key}"] = Body


@pytest.mark.parametrize("workers", [1, 16])
def test_writes_every_object_once(workers: int) -> None:
    bucket, seen = Bucket(), []
    assert write(iter(OBJECTS), bucket, "b", workers=workers, progress=seen.append) == 200
    assert bucket.objects == {f"b/{item.key}": item.body for item in OBJECTS}
    assert sorted(seen, key=lambda item: item.key) == OBJECTS


def test_one_refused_object_does_not_stop_the_others() -> None:
    bucket = Bucket(frozenset({"p/007.jsonl"}))
    with pytest.raises(DeliveryError, match=r"1 of 200 files not written, first p/007\.jsonl: refused"):
        write(OBJECTS, bucket, "b")
    assert len(bucket.objects) == 199


def test_nothing_to_write_is_no_error() -> None:
    assert write([], Bucket(), "b") == 0


def test_saves_objects_as_files(tmp_path: Path) -> None:
    assert save([*OBJECTS, OBJECTS[0]], tmp_path) == 201
    assert {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == {
        item.key: item.body for item in OBJECTS
    }
