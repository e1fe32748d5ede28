import base64
import json

import pytest

from trimtab.rollout.smoke import (
    Answer,
    SmokeCase,
    SmokeLimits,
    edge_cases,
    golden_cases,
    judge_smoke,
    predictions,
    run_cases,
)

GOLDEN = SmokeCase("golden request 1", b'{"x": 1}', "application/json", is_golden=True)
EDGE = SmokeCase("empty payload", b"", "application/json", is_golden=False)
NONE = SmokeLimits()


def line(data, encoding="JSON", kind="application/json"):
    side = {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}
    metadata = {"eventId": "1", "inferenceTime": "2026-11-20T00:00:00Z"}
    return json.dumps({"captureData": {"endpointInput": side}, "eventMetadata": metadata}).encode()


def ok(body=b"[0.5]", milliseconds=10.0):
    return Answer(200, body, "application/json", milliseconds)


def bad(status=500):
    return Answer(status, error="ModelError: no")


def test_golden_requests_are_the_first_that_can_be_read():
    lines = [b"not a line", line("1,2", "CSV", "text/csv"), line(base64.b64encode(b"\x00\xff").decode(), "BASE64", ""),
             line("%%%", "BASE64"), line('{"x": 1}')]  # fmt: skip
    cases = golden_cases(lines, most=2)
    assert [(case.body, case.content_type) for case in cases] == [
        (b"1,2", "text/csv"),
        (b"\x00\xff", "application/octet-stream"),
    ]
    assert golden_cases(lines, most=9)[-1].body == b'{"x": 1}'
    assert golden_cases(lines, most=0) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b'{"instances": [{"age": 41, "plan": "pro"}]}', "application/json"), (b"41,pro,2.5\n", "text/csv")],
)
def test_edge_cases_are_made_of_a_golden_request(body, kind):
    cases = {case.name: case.body for case in edge_cases([SmokeCase("g", body, kind, True)])}
    assert list(cases) == [
        "empty payload", "malformed payload", "extreme numbers", "negative extremes", "unicode text",
    ]  # fmt: skip
    assert cases["empty payload"] == b""
    assert b"1e308" in cases["extreme numbers"]
    assert b"41" not in cases["negative extremes"]
    assert "漢字" in cases["unicode text"].decode()
    if kind == "application/json":
        assert json.loads(cases["extreme numbers"])["instances"][0]["age"] == 1e308
        assert "plan" in json.loads(cases["unicode text"])["instances"][0]
    with pytest.raises(ValueError, match="utf-8"):
        cases["malformed payload"].decode()


def test_edge_cases_need_no_golden_request():
    assert len(edge_cases([])) == 5


def test_a_canary_that_answers_like_production_passes():
    report = judge_smoke([(GOLDEN, ok(), ok()), (EDGE, bad(400), bad(500))], SmokeLimits(50, 0.0), ["a note"])
    assert report.has_passed
    assert (report.golden, report.edge_cases, report.milliseconds, report.difference) == (1, 1, 10.0, 0.0)
    assert report.notes == ("a note",)


@pytest.mark.parametrize("case", [GOLDEN, EDGE])
def test_the_canary_fails_only_where_production_does_not(case):
    failed = judge_smoke([(case, bad(), ok())], NONE)
    assert failed.failures == (f"{case.name}: the canary answered 500 (ModelError: no), production 200",)
    assert judge_smoke([(case, bad(), bad())], NONE).has_passed
    assert judge_smoke([(case, ok(), bad())], NONE).has_passed


@pytest.mark.parametrize(
    ("canary", "reason"),
    [
        (b"[NaN]", "not finite"),
        (b"[1e999]", "not finite"),
        (b"[0.5, 0.5]", "2 numbers, production 1"),
        (b"[]", "0 numbers"),
    ],
)
def test_an_answer_of_another_shape_fails(canary, reason):
    assert reason in judge_smoke([(GOLDEN, ok(canary), ok())], NONE).failures[0]


def test_predictions_may_differ_by_the_limit():
    answered = [(GOLDEN, ok(b'{"predictions": [{"score": 0.6}]}'), ok(b'{"predictions": [{"score": 0.5}]}'))]
    assert judge_smoke(answered, SmokeLimits(None, 0.11)).has_passed
    assert "differ from production's by up to 0.1" in judge_smoke(answered, SmokeLimits(None, 0.09)).failures[0]
    assert judge_smoke(answered, NONE).difference == pytest.approx(0.1)


def test_latency_is_judged_by_the_median_of_golden_answers():
    slow_start = [(GOLDEN, ok(milliseconds=m), ok()) for m in (3000, 20, 30)]
    assert judge_smoke([*slow_start, (EDGE, ok(milliseconds=9999), ok())], SmokeLimits(50)).has_passed
    assert "longer than 30 ms" in judge_smoke(slow_start, SmokeLimits(25)).failures[0]


def test_requests_stop_when_the_time_is_over_but_one_is_always_made():
    asked = list(run_cases([GOLDEN] * 5, lambda _: (ok(), ok()), lambda: False))
    assert len(asked) == 1


def test_a_failure_that_does_not_stay_is_left_to_the_statistics():
    answers = iter([(bad(), ok()), (ok(), ok())])
    [(_, canary, _)] = run_cases([GOLDEN], lambda _: next(answers), lambda: True)
    assert canary.status == 200


def test_a_failure_that_stays_is_asked_three_times():
    asked = []
    [(_, canary, _)] = run_cases([GOLDEN], lambda case: (asked.append(case), (bad(), ok()))[1], lambda: True)
    assert (canary.status, len(asked)) == (500, 3)


def test_what_production_fails_as_well_is_asked_once():
    asked = []
    list(run_cases([EDGE], lambda case: (asked.append(case), (bad(), bad()))[1], lambda: True))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        (b"0.25", [0.25]),
        (b"0.25\n0.5,1\n", [0.25, 0.5, 1.0]),
        (b"yes,0.9", [0.9]),
        (b'{"a": [1, true, null, "2"], "b": {"c": 3}}', [1.0, 3.0]),
        (b'{"score": 1}\n{"score": 2}\n', [1.0, 2.0]),
        (b"", []),
        (b"\xff\xfe", []),
        (b"[" * 100_000, []),
    ],
)
def test_predictions_are_the_numbers_of_an_answer(body, numbers):
    assert predictions(Answer(200, body)) == numbers
