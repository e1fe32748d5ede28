"""Which model answered, where several stand behind one variant: multi-model endpoints and inference components.

SageMaker does not write the model into its captures (no such field is documented), so the caller does: as an attribute
of `CustomAttributes`, or as the beginning of the `InferenceId`. Each model's rows then make a variant of their own.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any

import msgspec

from trimtab.capture.decode import decode
from trimtab.capture.faults import FaultError, Unreadable, excerpt
from trimtab.capture.layout import Layout
from trimtab.capture.lines import GROUP_BYTES, groups
from trimtab.capture.table import Table

MOST_MODELS = 1000
"""More models in one object are taken for a wrong setting, such as an attribute that is different in each request."""
LONGEST_MODEL = 128
_BY_INFERENCE_ID = "inferenceId:"
_BETWEEN = re.compile("[;,]")


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    inference_id: str | None = None
    custom_attributes: Any = None


class _Line(msgspec.Struct, rename="camel", gc=False):
    event_metadata: _Metadata


_read_line = msgspec.json.Decoder(_Line).decode


def model_of(attribute: str, inference_id: str, custom_attributes: Any) -> str:
    """The model that a request names, "" when it names none.

    `attribute` is a key of `custom_attributes` (text such as `model=a;tenant=b` or `model=a,tenant=b`, a JSON object,
    or a list of `key=value`), or `inferenceId:` and the separator before which the inference id names the model.
    """
    if attribute.startswith(_BY_INFERENCE_ID):
        model, separator, _ = inference_id.partition(attribute.removeprefix(_BY_INFERENCE_ID))
        return model.strip() if separator else ""
    return _attributes(custom_attributes).get(attribute, "").strip()


def _attributes(given: Any) -> dict[str, str]:
    if isinstance(given, str) and given.lstrip().startswith(("{", "[")):
        try:
            given = msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError):
            return {}
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items() if isinstance(value, str | int | float)}
    parts = _BETWEEN.split(given) if isinstance(given, str) else given if isinstance(given, list) else []
    pairs = (part.partition("=") for part in parts if isinstance(part, str))
    return {key.strip(): value for key, separator, value in pairs if separator}


def decode_models(
    chunks: Iterable[bytes],
    attribute: str,
    layout_of: Callable[[str], Layout],
    *,
    now: datetime | None = None,
    group_bytes: int = GROUP_BYTES,
) -> Iterator[tuple[str, Table | Unreadable]]:
    """As `decode`, each table of one model's requests and with its name; "" for requests that name none, which without
    an `attribute` are all. `layout_of` tells how a model's payloads are read."""
    if not attribute:
        yield from (("", item) for item in decode(chunks, layout_of(""), now=now, group_bytes=group_bytes))
        return
    known: set[str] = set()
    for group in groups(chunks, group_bytes=group_bytes):
        if isinstance(group, Unreadable):
            yield "", group
            continue
        # the empty line in front keeps a broken first line from being taken for the start of a gzip stream
        numbers: dict[str, list[int]] = defaultdict(lambda: [0])
        lines: dict[str, list[bytes]] = defaultdict(lambda: [b"\n"])
        for number, line in enumerate(BytesIO(group.data), group.first_line):
            try:
                model = _model_of_line(line, attribute, known)
            except FaultError as fault:
                yield "", Unreadable(number, fault.reason, fault.detail)
                continue
            numbers[model].append(number)
            lines[model].append(line)
        for model, of_model in lines.items():
            for item in decode([b"".join(of_model)], layout_of(model), now=now, group_bytes=group_bytes):
                found = replace(item, line=numbers[model][item.line - 1]) if isinstance(item, Unreadable) else item
                yield model, found


def _model_of_line(line: bytes, attribute: str, known: set[str]) -> str:
    """The model a line names, "" for a line that names none or cannot be read. Raises FaultError."""
    try:
        metadata = _read_line(line).event_metadata
    except (ValueError, RecursionError):
        return ""
    model = model_of(attribute, metadata.inference_id or "", metadata.custom_attributes)
    if len(model) > LONGEST_MODEL:
        raise FaultError("bad_model", f"a model's name of {len(model)} characters: {excerpt(model)}")
    if model and model not in known:
        if len(known) == MOST_MODELS:
            raise FaultError("too_many_models", f"more than {MOST_MODELS} models in one object, as {excerpt(model)}")
        known.add(model)
    return model
