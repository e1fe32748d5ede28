"""The smoke test: a few requests to the canary before it gets traffic, judged by production's own answers to them.

Golden requests come from captures. Edge cases are made of them; there the canary fails only where production does not.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import Any

from pydantic import BaseModel, ConfigDict

from trimtab.capture.envelope import Payload, read_envelope
from trimtab.capture.faults import FaultError

OK = 200
ASKED_AGAIN = 2
"""How often a request that the canary alone failed is asked again."""
_NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?')
_UNICODE = "Ünïcödé \u202e漢字 🙂".encode()
_BINARY = frozenset({"BASE64"})


class SmokeReport(BaseModel):
    """The outcome of a smoke test. `failures` is empty when it passed. `difference`: the greatest between predictions
    of the two, None when nothing could be compared. `milliseconds`: the median of the canary's golden answers."""

    model_config = ConfigDict(frozen=True)

    failures: tuple[str, ...]
    notes: tuple[str, ...]
    golden: int
    edge_cases: int
    milliseconds: float | None
    difference: float | None

    @property
    def has_passed(self) -> bool:
        """Whether the canary may get traffic."""
        return not self.failures


ASKED_AGAIN = 2


@dataclass(frozen=True, slots=True)
class SmokeCase:
    """One request."""

    name: str
    body: bytes
    content_type: str
    is_golden: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a variant answered: an HTTP status, the model's own where it failed; `error` says why it did."""

    status: int
    body: bytes = b""
    content_type: str = ""
    milliseconds: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class SmokeLimits:
    """What golden answers must keep to; None is no limit."""

    latency_ms: float | None = None
    max_prediction_difference: float | None = None


def golden_cases(lines: Iterable[bytes], most: int) -> list[SmokeCase]:
    """The first so many requests in the lines of a capture file; lines that cannot be used are passed over."""
    cases: list[SmokeCase] = []
    for line in lines:
        if len(cases) == most:
            break
        try:
            payload = read_envelope(line).capture_data.endpoint_input
            body = _body(payload)
        except (FaultError, binascii.Error):
            continue
        if body:
            name = f"golden request {len(cases) + 1}"
            cases.append(SmokeCase(name, body, payload.observed_content_type or _guessed(payload.encoding), True))
    return cases


def edge_cases(golden: Sequence[SmokeCase]) -> list[SmokeCase]:
    """Requests that a model should refuse or bear: made of the first golden one, and of nothing without any."""
    body, kind = (golden[0].body, golden[0].content_type) if golden else (b'{"instances": [[0]]}', "application/json")
    made = {
        "empty payload": b"",
        "malformed payload": body[: len(body) // 2].rstrip(b"]})") + b'"[{\xff',
        "extreme numbers": _NUMBER.sub(b"1e308", body),
        "negative extremes": _NUMBER.sub(b"-1e308", body),
        "unicode text": _unicode(body, kind),
    }
    return [SmokeCase(name, changed, kind, False) for name, changed in made.items() if changed != body]


def run_cases(
    cases: Sequence[SmokeCase], ask: Callable[[SmokeCase], tuple[Answer, Answer]], has_time: Callable[[], bool]
) -> Iterator[tuple[SmokeCase, Answer, Answer]]:
    """Each case with the canary's and production's answer, while there is time; the first is always asked.

    What the canary alone fails is asked again: failures that come and go are for the statistics to judge, those that
    stay are for this test.
    """
    for i, case in enumerate(cases):
        if i and not has_time():
            return
        canary, production = ask(case)
        for _ in range(ASKED_AGAIN):
            if canary.status == OK or production.status != OK or not has_time():
                break
            canary, production = ask(case)
        yield case, canary, production


def judge_smoke(
    answered: Sequence[tuple[SmokeCase, Answer, Answer]], limits: SmokeLimits, notes: Sequence[str] = ()
) -> SmokeReport:
    """What the answers of canary and production to the same requests say. Latency is judged by the median, for the
    first request to a new instance is no measure; the canary's statistics judge the rest of it."""
    failures: list[str] = []
    told = list(notes)
    differences: list[float] = []
    golden = [canary for case, canary, _ in answered if case.is_golden]
    for case, canary, production in answered:
        if canary.status != OK:
            refused = f"{case.name}: the canary answered {canary.status} ({canary.error or 'no reason given'})"
            if production.status == OK:
                failures.append(f"{refused}, production {production.status}")
            elif case.is_golden:
                told.append(f"{refused}, and so did production ({production.status})")
        elif production.status == OK:
            ours, theirs = predictions(canary), predictions(production)
            if all(map(isfinite, theirs)) and not all(map(isfinite, ours)):
                failures.append(f"{case.name}: the canary's prediction is not finite, production's is")
            elif case.is_golden and len(ours) != len(theirs):
                failures.append(f"{case.name}: the canary answered {len(ours)} numbers, production {len(theirs)}")
            elif case.is_golden:
                differences += [abs(a - b) for a, b in zip(ours, theirs, strict=True) if isfinite(a) and isfinite(b)]
    milliseconds = median([each.milliseconds for each in golden if each.status == OK] or [0.0]) or None
    difference = max(differences, default=None)
    if milliseconds and limits.latency_ms and milliseconds > limits.latency_ms:
        failures.append(
            f"half of the golden answers took longer than {milliseconds:.0f} ms, {limits.latency_ms:g} allowed"
        )
    most = limits.max_prediction_difference
    if most is not None and difference is not None and difference > most:
        failures.append(f"predictions differ from production's by up to {difference:.4g}, {most:g} allowed")
    return SmokeReport(
        failures=tuple(failures),
        notes=tuple(told),
        golden=len(golden),
        edge_cases=len(answered) - len(golden),
        milliseconds=milliseconds,
        difference=difference,
    )


def predictions(answer: Answer) -> list[float]:
    """The numbers in an answer, in order: of JSON and JSON Lines every one but true and false, of CSV every cell that
    is one."""
    text = answer.body.decode("utf-8", "replace")
    try:
        return list(_numbers(json.loads(text)))
    except ValueError:
        pass
    except RecursionError:
        return []
    try:
        return [number for line in text.splitlines() if line.strip() for number in _numbers(json.loads(line))]
    except (ValueError, RecursionError):
        return [number for cell in re.split(r"[,;\s]+", text) if (number := _number(cell)) is not None]


def _numbers(value: Any) -> Iterator[float]:
    match value:
        case bool() | None | str():
            return
        case int() | float():
            yield float(value)
        case dict():
            for each in value.values():
                yield from _numbers(each)
        case list():
            for each in value:
                yield from _numbers(each)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _body(payload: Payload) -> bytes:
    if payload.encoding in _BINARY:
        return base64.b64decode(payload.data, validate=True)
    return payload.data.encode()


def _guessed(encoding: str) -> str:
    return {"CSV": "text/csv", "JSON": "application/json"}.get(encoding, "application/octet-stream")


def _unicode(body: bytes, content_type: str) -> bytes:
    """The body with its texts replaced; where it has none, with its first number replaced."""
    quoted = b'"' + _UNICODE + b'"'
    if "json" in content_type:
        changed = _STRING.sub(lambda found: found[0] if found[1] else quoted, body)
        return changed if changed != body else _NUMBER.sub(lambda _: quoted, body, count=1)
    return _NUMBER.sub(lambda _: _UNICODE, body, count=1)
