"""A variant is sized twice: over all instance types for the recommendation, and on its present type for what can be
brought about without a deployment."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from trimtab.sizing.endpoint import Endpoint, InstanceType
from trimtab.sizing.observations import Observations
from trimtab.sizing.plan import Plan, plan_of
from trimtab.sizing.recommendation import Recommendation, recommend
from trimtab.sizing.settings import SizingSettings


def size_variant(
    observations: Observations,
    endpoint: Endpoint,
    catalogue: Mapping[str, InstanceType],
    usd_per_hour: Mapping[str, float | None],
    settings: SizingSettings,
    now: datetime,
    *,
    weekly_means: Sequence[float],
    serverless_usd_per_second: Mapping[int, float | None],
) -> tuple[Recommendation, Plan | None]:
    """What a variant should have, and the plan for its present instance type: None when nothing is to be changed on
    that, or it could not be sized. Arguments are those of `recommend`."""

    def size(types: Mapping[str, InstanceType]) -> Recommendation:
        return recommend(
            observations,
            endpoint,
            types,
            usd_per_hour,
            settings,
            now,
            weekly_means=weekly_means,
            serverless_usd_per_second=serverless_usd_per_second,
        )

    present = endpoint.instance_type
    found = size(catalogue)
    own: Recommendation | None = found
    if not (found.proposal and found.proposal.instance_type == present):
        own = size({present: catalogue[present]}) if found.demand and present in catalogue else None
    if own is None or own.proposal is None or not own.target_ms:
        return found, None
    usd_month_now = own.today.monthly_usd(usd_per_hour.get(present)) if own.today else None
    return found, plan_of(own.proposal, own.target_ms, usd_month_now)
