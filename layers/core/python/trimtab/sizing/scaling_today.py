"""What an endpoint's present automatic scaling does, where it does not do what it was meant to."""

from trimtab.sizing.capacity import Capacity
from trimtab.sizing.plan import TRACKED
from trimtab.sizing.setting import Scaling

LOW_SHARE, HIGH_SHARE = 0.5, 1.2


def remarks(scaling: Scaling | None, vcpus: int | None, able: Capacity | None) -> tuple[str, ...]:
    """What should be looked at in how a variant is scaled today; nothing when it is not scaled.

    `able`: what one of today's instances takes, None when that is not known.
    """
    if scaling is None:
        return ()
    found = [f"{name} is suspended" for name, is_on in sorted(scaling.suspended.items()) if is_on]
    if not scaling.policies and not scaling.scheduled and scaling.minimum < scaling.maximum:
        found.append("it is registered to be scaled, but no policy scales it")
    for policy in scaling.policies:
        target = policy.configuration.get("TargetValue")
        if not isinstance(target, int | float):
            continue
        if _metric(policy.configuration) == "CPUUtilization" and vcpus and vcpus > 1 and target <= 100:
            found.append(
                f"{policy.name} keeps CPUUtilization at {target:g}, which is a sum over {vcpus} vCPUs: "
                f"instances are {target / vcpus:.0f} % busy"
            )
        if _metric(policy.configuration) == TRACKED and able is not None and able.rps > 0:
            share = target / (60 * able.rps)
            if share < LOW_SHARE:
                found.append(f"{policy.name} scales out at {share:.0%} of what an instance can take")
            elif share > HIGH_SHARE:
                found.append(f"{policy.name} lets an instance have {share:.0%} of what it can take")
        if policy.configuration.get("DisableScaleIn"):
            found.append(f"{policy.name} never scales in")
    return tuple(found)


def _metric(configuration: object) -> str:
    if not isinstance(configuration, dict):
        return ""
    predefined = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "")
    return str(predefined or configuration.get("CustomizedMetricSpecification", {}).get("MetricName", ""))
