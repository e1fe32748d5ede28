import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture import backfill_cost as cost
from trimtab.capture.backfill_cost import CaptureListing, Range, estimate_backfill, summarise

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
START = datetime(2024, 1, 1, tzinfo=UTC)


def listing(objects, size=0, hours=1, others=0):
    spread = frozenset(("churn", "AllTraffic", START + timedelta(hours=i)) for i in range(hours))
    return CaptureListing(objects, size, others, archived=0, hours=spread)


def by_name(estimate):
    return {each.name: each for each in estimate.costs}


def test_summarises_captures_and_what_is_none():
    summary = summarise(
        "captures",
        [
            ("in/churn/blue/2024/01/31/23/a.jsonl", 100, "STANDARD"),
            ("in/churn/blue/2024/01/31/23/b.jsonl", 50, "DEEP_ARCHIVE"),
            ("in/fraud/AllTraffic/2023/12/01/00/c.jsonl.gz", 1, "GLACIER_IR"),
            ("in/readme.txt", 1000, "STANDARD"),
        ],
    )
    assert (summary.objects, summary.bytes, summary.others, summary.archived) == (3, 151, 1, 1)
    assert summary.endpoints == ["churn", "fraud"]
    assert len(summary.hours) == 2
    assert (summary.first, summary.last) == (datetime(2023, 12, 1, tzinfo=UTC), datetime(2024, 1, 31, 23, tzinfo=UTC))


def test_manifests_of_batch_transforms_are_read_and_give_packs():
    summary = summarise(
        "captures",
        [(f"in/churn-batch/{side}/2024/01/31/23/m.json", 100, "STANDARD") for side in ("input", "output")],
    )
    assert (summary.objects, summary.manifests, summary.others, summary.endpoints) == (0, 2, 0, ["churn-batch"])
    lines = by_name(estimate_backfill(summary))
    assert lines["S3 GET"].units == Range(3, 3)
    assert lines["S3 PUT and LIST"].units.low == 2 + 1


def test_a_year_of_one_object_a_minute_is_priced_as_by_hand():
    """525,600 objects of 100 kB: each request and gigabyte-second counted on paper."""
    estimate = estimate_backfill(listing(525_600, size=525_600 * 100_000, hours=8_760))
    lines = by_name(estimate)
    assert lines["S3 GET"].usd.low == pytest.approx((525_600 + 5_256) * 0.0000004)
    assert lines["S3 PUT and LIST"].units == Range(8_760 + 526, 2 * (8_760 + 5_256) + 526)
    assert lines["Step Functions transitions"].usd == Range(5_256 * 0.000025, 3 * 5_256 * 0.000025)
    seconds = 525_600 * 0.02 + 52.56e9 / 75e6 + 5_256 * 0.15
    assert lines["Lambda GB-seconds"].usd.low == pytest.approx(seconds * 1769 / 1024 * 0.0000166667)
    assert estimate.seconds.low == pytest.approx(seconds / 20)
    assert 0.5 < estimate.usd.low < estimate.usd.high < 5


def test_nothing_costs_nothing():
    assert estimate_backfill(summarise("captures", [])).usd == Range(0, 0)


@given(
    objects=st.integers(1, 10**7),
    size=st.integers(0, 10**13),
    hours=st.integers(1, 200),
    others=st.integers(0, 10**6),
    concurrency=st.integers(1, 1000),
)
def test_the_good_case_is_never_above_the_bad_one(objects, size, hours, others, concurrency):
    estimate = estimate_backfill(listing(objects, size, min(hours, objects), others), concurrency)
    for values in (estimate.usd, estimate.seconds, *(each.units for each in estimate.costs)):
        assert 0 <= values.low <= values.high


@given(objects=st.integers(1, 10**6), more=st.integers(0, 10**6))
def test_more_objects_never_cost_less(objects, more):
    fewer, rest = estimate_backfill(listing(objects)), estimate_backfill(listing(objects + more))
    assert fewer.usd.low <= rest.usd.low
    assert fewer.usd.high <= rest.usd.high


def test_the_figures_are_those_of_the_template():
    text = TEMPLATE.read_text()
    function = text[text.index("  ProfileCaptureFunction:") : text.index("  ProfileCaptureLogGroup:")]
    assert yaml.safe_load(re.search(r"MemorySize: (\d+)", function)[1]) / 1024 == cost.FUNCTION_GB
    assert int(re.search(r"MaxItemsPerBatch: (\d+)", text)[1]) == cost.OBJECTS_PER_BATCH
    assert int(re.search(r'Result: \{prefix: "", concurrency: (\d+)\}', text)[1]) == cost.CONCURRENCY
