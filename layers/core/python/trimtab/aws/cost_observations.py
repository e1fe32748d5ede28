"""What SageMaker and CloudWatch tell of an endpoint, and what its hours cost by that."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from trimtab.aws.cost_metrics import count_variants
from trimtab.aws.inference_components import count_component_requests, read_reservations
from trimtab.aws.price_lists import PriceLists
from trimtab.aws.sagemaker import Endpoint
from trimtab.aws.sagemaker_deployments import NotFoundError, describe_config
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.cost.components import with_components
from trimtab.cost.configurations import Configuration, read_configuration
from trimtab.cost.hours import EndpointHour
from trimtab.cost.ledger import HOUR, Hours, hours_to_read
from trimtab.cost.measured import Observed, measured_hours, sample_period
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


def count_hours(
    name: str, endpoint: Endpoint | None, memory: Memory, known: Hours, until: datetime, lists: PriceLists
) -> list[EndpointHour]:
    """What the hours of an endpoint before `until` cost that are missing among those `known`, or may have changed.
    `endpoint` None: it is gone."""
    first = min(each.since for each in memory.stages)
    prices = lists.prices_of(memory.products(lists.region))
    priced = frozenset(product.item for product in prices)
    wanted = hours_to_read(known, first, until, now=lists.now, priced=priced)
    if not wanted:
        return []
    observed = _observe(name, endpoint, memory, lists.region, wanted[0], wanted[-1] + HOUR)
    counted = measured_hours(observed, wanted, prices, lists.settings)
    if endpoint and memory.configurations[memory.configuration].has_components:
        held = read_reservations(name)
        requests = count_component_requests([each.component for each in held], wanted[0], wanted[-1] + HOUR)
        counted = [with_components(each, held, requests, bundled_catalogue().types) for each in counted]
    # an endpoint that is gone costs nothing, which needs no hours to be kept
    return [each for each in counted if endpoint or each.start < memory.seen or each.cost.usd != 0]


def _observe(
    name: str, endpoint: Endpoint | None, memory: Memory, region: str, start: datetime, end: datetime
) -> Observed:
    """What was counted of an endpoint in the hours from `start` until before `end`."""
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
