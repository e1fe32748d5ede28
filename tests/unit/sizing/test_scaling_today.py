import pytest

from trimtab.sizing.capacity import Capacity
from trimtab.sizing.scaling_today import remarks
from trimtab.sizing.setting import Scaling, ScalingPolicy

ABLE = Capacity(rps=50.0, failure_rps=60.0, breaking_rps=70.0, limit="cpu")


def scaled(configuration, **others):
    policy = ScalingPolicy(name="own", type="TargetTrackingScaling", configuration=configuration)
    return Scaling(minimum=2, maximum=6, policies=(policy,), **others)


def tracked(target):
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {"TargetValue": target, "PredefinedMetricSpecification": metric}


CPU = {"TargetValue": 70.0, "CustomizedMetricSpecification": {"MetricName": "CPUUtilization"}}


@pytest.mark.parametrize(
    ("scaling", "vcpus", "words"),
    [
        (scaled(CPU), 4, "instances are 18 % busy"),
        (scaled(tracked(600.0)), 4, "scales out at 20% of what an instance can take"),
        (scaled(tracked(6000.0)), 4, "200% of what it can take"),
        (scaled(tracked(2400.0) | {"DisableScaleIn": True}), 4, "never scales in"),
        (scaled(tracked(2400.0), suspended={"DynamicScalingInSuspended": True}), 4, "is suspended"),
        (Scaling(minimum=2, maximum=6), 4, "no policy scales it"),
    ],
)
def test_what_does_not_do_what_it_was_meant_to_is_remarked(scaling, vcpus, words):
    [found] = remarks(scaling, vcpus, ABLE)
    assert words in found


@pytest.mark.parametrize(
    ("scaling", "vcpus", "able"),
    [
        (None, 4, ABLE),
        (scaled(tracked(2400.0)), 4, ABLE),
        (scaled(tracked(600.0)), 4, None),
        (scaled(CPU), 1, ABLE),
        (scaled({**CPU, "TargetValue": 280.0}), 4, ABLE),
        (Scaling(minimum=2, maximum=2), 4, ABLE),
    ],
)
def test_what_is_well_is_not(scaling, vcpus, able):
    assert remarks(scaling, vcpus, able) == ()
