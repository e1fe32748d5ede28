from dataclasses import replace

import numpy as np
import pytest

from trimtab.sizing.candidates import likeness, objection
from trimtab.sizing.capacity import Workload
from trimtab.sizing.endpoint import Benchmark
from trimtab.sizing.service import ServiceTime
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.utilisation import UtilisationLaw

DEFAULTS = SizingSettings()


@pytest.fixture
def load(catalogue):
    law = UtilisationLaw(6, 5.2, 0.99, 70)
    return Workload(catalogue["ml.m5.xlarge"], law, None, ServiceTime(0.05, 0.1, 0.25), 4, 3.0, None)


@pytest.fixture
def gpu_load(load, catalogue):
    return replace(load, measured_on=catalogue["ml.g5.xlarge"], gpu=UtilisationLaw(0, 1, 0.9, 4), gpu_memory_gib=10.0)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("ml.m5.large", None),
        ("ml.m5.xlarge", None),
        ("ml.c5.xlarge", None),
        ("ml.t2.medium", "burstable"),
        ("ml.c6g.xlarge", "architecture"),
        ("ml.g5.xlarge", "benchmark"),
        ("ml.inf1.xlarge", "benchmark"),
    ],
)
def test_each_type_has_its_reason(load, endpoint, catalogue, name, rule):
    found = objection(catalogue[name], endpoint, load, 0.1, None, DEFAULTS)
    assert (found and found.rule) == rule


def test_other_accelerators_are_not_measured_by_the_cpu(load, endpoint, make_type):
    today, larger, older = (
        make_type(f"ml.{each}", 4, 16, accelerator="neuron") for each in ("inf2.a", "inf2.b", "inf1.a")
    )
    load = replace(load, measured_on=today)
    assert objection(today, endpoint, load, 0.1, None, DEFAULTS) is None
    for candidate in (larger, older):
        assert objection(candidate, endpoint, load, 0.1, None, DEFAULTS).rule == "benchmark"


def test_an_unknown_price_is_no_price_of_zero(load, endpoint, catalogue):
    assert objection(catalogue["ml.m5.large"], endpoint, load, None, None, DEFAULTS).rule == "price"


def test_graviton_is_open_to_images_built_for_it(load, endpoint, catalogue):
    built = replace(endpoint, architectures=frozenset({"x86_64", "arm64"}))
    assert objection(catalogue["ml.c6g.xlarge"], built, load, 0.1, None, DEFAULTS) is None


def test_memory_counts_a_copy_of_the_model_for_each_worker(load, endpoint, catalogue):
    tight = replace(load, memory_gib=7.9)
    assert objection(catalogue["ml.c5.xlarge"], endpoint, tight, 0.1, None, DEFAULTS) is None
    assert (
        objection(catalogue["ml.m5.large"], endpoint, replace(load, memory_gib=8.5), 0.1, None, DEFAULTS).rule
        == "memory"
    )
    assert "15.8 GiB" not in str(objection(catalogue["ml.c5.2xlarge"], endpoint, tight, 0.1, None, DEFAULTS))
    assert (
        objection(catalogue["ml.c5.2xlarge"], endpoint, replace(load, memory_gib=8.5), 0.1, None, DEFAULTS).rule
        == "memory"
    )


def test_unknown_memory_use_fits_only_where_there_is_no_less(load, endpoint, catalogue):
    blind = replace(load, memory_gib=None)
    assert objection(catalogue["ml.c5.xlarge"], endpoint, blind, 0.1, None, DEFAULTS).rule == "memory"
    assert objection(catalogue["ml.m5.2xlarge"], endpoint, blind, 0.1, None, DEFAULTS) is None
    assert objection(catalogue["ml.m5.xlarge"], endpoint, blind, 0.1, None, DEFAULTS) is None


def test_unknown_sizes_are_no_candidates(load, endpoint, make_type):
    assert objection(make_type("ml.x9.large", None, 8), endpoint, load, 0.1, None, DEFAULTS).rule == "size"


@pytest.mark.parametrize(
    ("percent", "benchmarked", "rule"),
    [(3.0, False, "benchmark"), (3.0, True, None), (40.0, True, "gpu"), (None, True, "gpu")],
)
def test_a_gpu_is_given_up_only_when_hardly_used_and_after_a_benchmark(
    gpu_load, endpoint, catalogue, percent, benchmarked, rule
):
    there = replace(endpoint, benchmarks={"ml.m5.xlarge": Benchmark(6000)} if benchmarked else {})
    series = None if percent is None else np.full(1000, percent)
    found = objection(catalogue["ml.m5.xlarge"], there, gpu_load, 0.23, series, DEFAULTS)
    assert (found and found.rule) == rule


def test_other_gpus_take_a_benchmark_or_a_known_speed(gpu_load, endpoint, catalogue):
    other = catalogue["ml.g4dn.xlarge"]
    assert objection(other, endpoint, gpu_load, 0.7, None, DEFAULTS).rule == "benchmark"
    known = SizingSettings(performance={"g5": 1.0, "g4dn": 0.5})
    assert objection(other, endpoint, gpu_load, 0.7, None, known) is None
    assert objection(other, endpoint, replace(gpu_load, gpu_memory_gib=20.0), 0.7, None, known).rule == "memory"
    assert objection(catalogue["ml.g5.2xlarge"], endpoint, gpu_load, 1.5, None, DEFAULTS) is None


def test_likeness_falls_with_distance(catalogue):
    today = catalogue["ml.m5.xlarge"]
    names = ["ml.m5.xlarge", "ml.m5.large", "ml.c5.xlarge", "ml.g5.xlarge"]
    assert [likeness(catalogue[name], today, is_benchmarked=False) for name in names] == [1.0, 0.9, 0.7, 0.3]
    assert likeness(catalogue["ml.g5.xlarge"], today, is_benchmarked=True) == 1
