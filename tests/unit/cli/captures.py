"""Capture lines for the command's tests."""

import json


def line(sent, answered="0.5\n", *, content_type="text/csv", time="2026-03-01T10:00:00Z"):
    """One capture line with CSV or JSON payloads."""
    encoding = "JSON" if "json" in content_type else "CSV"
    sides = {
        name: {"observedContentType": kind, "mode": mode, "data": data, "encoding": of}
        for name, kind, mode, data, of in (
            ("endpointInput", content_type, "INPUT", sent, encoding),
            ("endpointOutput", "text/csv", "OUTPUT", answered, "CSV"),
        )
    }
    metadata = {"eventId": "0", "inferenceTime": time}
    return json.dumps({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"
