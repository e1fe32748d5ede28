"""What SageMaker and CloudWatch tell of an endpoint that its cost follows from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from trimtab.aws.cost_metrics import count_variants
from trimtab.aws.sagemaker import Endpoint
from trimtab.aws.sagemaker_deployments import NotFoundError, describe_config
from trimtab.cost.configurations import Configuration, read_configuration
from trimtab.cost.ledger import HOUR
from trimtab.cost.measured import Observed, sample_period
from trimtab.cost.memory import Memory, another_look, first_look
from trimtab.rollout.request import CANARY


def look_at(endpoint: Endpoint, memory: Memory | None, tag_keys: Sequence[str], now: datetime) -> Memory:
    """What is remembered of an endpoint after another look at it. Of its tags, those of `tag_keys` in any case."""
    created = endpoint.created.astimezone(UTC)
    names = [name for name in (endpoint.configuration, endpoint.pending) if name]
    used = {name: _configuration_named(name, created, memory) for name in names}
    memory = another_look(
        memory or first_look(created, used[endpoint.configuration], now),
        used,
        created=created,
        configuration=endpoint.configuration,
        pending=endpoint.pending,
        changed=endpoint.changed.astimezone(UTC),
        now=now,
    )
    wanted = {key.casefold() for key in tag_keys}
    return replace(memory, tags={key: value for key, value in endpoint.tags.items() if key.casefold() in wanted})


def observe(
    name: str, endpoint: Endpoint | None, memory: Memory, region: str, start: datetime, end: datetime
) -> Observed:
    """What was counted of an endpoint in the hours from `start` until before `end`. `endpoint` None: it is gone."""
    configurations = memory.configurations
    variants = [variant for each in configurations.values() for variant in each.variants or ()]
    period = sample_period(configurations.values())
    series = count_variants(
        name,
        list(dict.fromkeys((*(each.name for each in variants), *(endpoint.variants if endpoint else ())))),
        start - HOUR,  # shows how many instances there were before
        end,
        period=round(period.total_seconds()),
        is_async=configurations[memory.configuration].is_async,
        serverless={each.name for each in variants if each.memory_mb},
    )
    return Observed(
        region=region,
        created=memory.created,
        seen=memory.seen,
        stages=memory.stages,
        configurations=configurations,
        series=series,
        period=period,
        temporary=frozenset({CANARY}),
    )


def _configuration_named(name: str, created: datetime, memory: Memory | None) -> Configuration:
    """An endpoint config, as it is remembered when it was deleted behind the endpoint's back."""
    try:
        return read_configuration(describe_config(name))
    except NotFoundError:
        remembered = memory.configurations.get(name) if memory else None
        return remembered or Configuration(name, created, None)
