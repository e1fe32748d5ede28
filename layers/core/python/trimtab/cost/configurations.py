"""What an endpoint's bill is made of: the variants of its endpoint configs, and which config served when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from trimtab.cost.prices import Component, Product


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of an endpoint config.

    `item`: its instance type; "" when the config names none, or several. `memory_mb`: of a serverless variant, else 0.
    `provisioned`: its provisioned concurrency. `is_shadow`: it gets copies of the requests, which are no predictions.
    `has_model`: it serves a model of its own, not inference components. `may_rest`: it can have no instances at all.
    """

    name: str
    item: str = ""
    memory_mb: int = 0
    provisioned: int = 0
    volume_gb: float = 0.0
    is_shadow: bool = False
    has_model: bool = True
    may_rest: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """An endpoint config. `publish_seconds`: how often each of its instances gives a sample of its metrics.

    `variants` is None when the config is gone and nobody remembers it.
    """

    name: str
    created: datetime
    variants: tuple[Variant, ...] | None
    is_async: bool = False
    publish_seconds: int = 60

    def variant(self, name: str) -> Variant | None:
        return next((each for each in self.variants or () if each.name == name), None)

    @property
    def has_components(self) -> bool:
        """Whether inference components serve, not models of its variants."""
        return any(not each.has_model for each in self.variants or ())

    def products(self, region: str) -> list[Product]:
        """What of it has a price."""
        products = []
        for variant in self.variants or ():
            if variant.memory_mb:
                gb = variant.memory_mb // 1024
                products.append(Product(region, "ServerlessInf", f"Mem-{gb}GB"))
                if variant.provisioned:
                    products.append(Product(region, "ProvisionedConcurrency", f"Usage-{gb}GB"))
            elif variant.item:
                products.append(self.product(variant, region))
        return products

    def product(self, variant: Variant, region: str) -> Product:
        """The instances of one of its variants."""
        component: Component = "AsyncInf" if self.is_async else "Hosting"
        return Product(region, component, variant.item or "an unknown instance type")


@dataclass(frozen=True, slots=True)
class Stage:
    """A config's time on an endpoint.

    `since`: from when on some of its instances may run. `serving`: from when on it serves alone; None: not (yet).
    `until`: when it was given up, without ever having served.
    """

    configuration: str
    since: datetime
    serving: datetime | None = None
    until: datetime | None = None


def read_configuration(description: Mapping[str, Any]) -> Configuration:
    """The config in an answer of DescribeEndpointConfig."""
    is_async = "AsyncInferenceConfig" in description
    metrics = description.get("MetricsConfig", {})
    enhanced = metrics.get("EnableEnhancedMetrics", False)
    variants = [
        _read_variant(each, is_async=is_async, is_shadow=is_shadow)
        for key, is_shadow in (("ProductionVariants", False), ("ShadowProductionVariants", True))
        for each in description.get(key, [])
    ]
    return Configuration(
        name=description["EndpointConfigName"],
        created=description["CreationTime"].astimezone(UTC),
        variants=tuple(variants),
        is_async=is_async,
        publish_seconds=metrics.get("MetricPublishFrequencyInSeconds", 60) if enhanced else 60,
    )


def observe(
    stages: Sequence[Stage], *, configuration: str, pending: str, changed: datetime, seen: datetime, now: datetime
) -> tuple[Stage, ...]:
    """The stages after another look at an endpoint that had some.

    `configuration` serves and `pending`, if any, is being deployed. `changed`: when the endpoint last changed. `seen`:
    when it was looked at before. What happened in between is taken to have happened at `changed`.
    """
    stages = tuple(stages)
    moment = min(max(changed, seen), now)
    serving = max((each for each in stages if each.serving), key=lambda each: each.serving or each.since, default=None)
    open_ = next((each for each in stages if each.serving is None and each.until is None), None)
    if open_ and open_.configuration == configuration:
        stages = _with(stages, open_, replace(open_, serving=max(moment, open_.since)))
    else:
        if open_ and open_.configuration != pending:
            stages = _with(stages, open_, replace(open_, until=now))
        if serving is None or serving.configuration != configuration:
            stages = (*stages, Stage(configuration, since=seen, serving=moment))
    if pending and pending != configuration and not (open_ and open_.configuration == pending):
        stages = (*stages, Stage(pending, since=seen))
    return stages


def since_then(stages: Iterable[Stage], start: datetime) -> tuple[Stage, ...]:
    """The stages that matter from a moment on: the one that served then, and all later ones."""
    stages = tuple(stages)
    before = [each.serving for each in stages if each.serving and each.serving <= start]
    first = max(before, default=None)
    return tuple(
        each
        for each in stages
        if (each.serving is None and (each.until is None or each.until > start))
        or (each.serving is not None and (first is None or each.serving >= first))
    )


def stages_document(stages: Iterable[Stage]) -> list[dict[str, Any]]:
    """Stages as plain JSON values."""
    return [_plain(asdict(each)) for each in stages]


def stages_from_document(documents: Iterable[Mapping[str, Any]]) -> tuple[Stage, ...]:
    """The inverse of `stages_document`."""
    moments = ("since", "serving", "until")
    return tuple(
        Stage(each["configuration"], **{key: each[key] and datetime.fromisoformat(each[key]) for key in moments})
        for each in documents
    )


def configuration_document(configuration: Configuration) -> dict[str, Any]:
    """A config as plain JSON values."""
    return _plain(asdict(configuration))


def configuration_from_document(document: Mapping[str, Any]) -> Configuration:
    """The inverse of `configuration_document`."""
    variants = document["variants"]
    return Configuration(
        name=document["name"],
        created=datetime.fromisoformat(document["created"]),
        variants=None if variants is None else tuple(Variant(**each) for each in variants),
        is_async=document["is_async"],
        publish_seconds=document["publish_seconds"],
    )


def _read_variant(described: Mapping[str, Any], *, is_async: bool, is_shadow: bool) -> Variant:
    serverless = described.get("ServerlessConfig", {})
    scaling = described.get("ManagedInstanceScaling", {})
    has_model = "ModelName" in described
    return Variant(
        name=described["VariantName"],
        item=described.get("InstanceType", ""),
        memory_mb=serverless.get("MemorySizeInMB", 0),
        provisioned=serverless.get("ProvisionedConcurrency", 0),
        volume_gb=float(described.get("VolumeSizeInGB", 0)),
        is_shadow=is_shadow,
        has_model=has_model,
        may_rest=is_async or not has_model or scaling.get("MinInstanceCount") == 0,
    )


def _with(stages: tuple[Stage, ...], old: Stage, new: Stage) -> tuple[Stage, ...]:
    return tuple(new if each is old else each for each in stages)


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in document.items()}
