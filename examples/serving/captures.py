"""Requests and answers as SageMaker's data capture writes them: JSON Lines in folders by hour.

`trimtab profile CAPTURE_DIR` reads them; copied to the capture bucket under any prefix, the deployed functions do.
"""

import json
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

LINES_PER_FILE = 1000


def capture_line(request: str, answered: str, content_type: str, inference_id: str = "") -> str:
    """One request of CSV with its answer, as a line. `inference_id`: what the caller calls it, to join labels by."""
    metadata = {"eventId": str(uuid.uuid4()), "inferenceTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    if inference_id:
        metadata["inferenceId"] = inference_id
    sides = {
        name: {"observedContentType": content_type, "mode": mode, "data": data, "encoding": "CSV"}
        for name, mode, data in (("endpointInput", "INPUT", request), ("endpointOutput", "OUTPUT", answered))
    }
    return json.dumps({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"


class Captures:
    """The files below `folder`, one at a time: a new one each minute, and after so many lines.

    A file is finished once there is a newer one, and then never touched again: copy files that are older than two
    minutes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._path = folder
        self._minute: datetime | None = None
        self._lines = 0

    def write(self, line: str) -> None:
        """Append a line. Raises OSError."""
        now = datetime.now(UTC)
        with self._lock:
            if now.replace(second=0, microsecond=0) != self._minute or self._lines >= LINES_PER_FILE:
                self._minute, self._lines = now.replace(second=0, microsecond=0), 0
                name = f"{now:%M-%S}-{now.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
                self._path = self.folder / f"{now:%Y/%m/%d/%H}" / name
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
            self._lines += 1
