"""Model Monitor's constraints.json: suggested from statistics, or an owner's own, read with its thresholds."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trimtab.model_monitor.statistics import UNLISTED, UNSEEN

type InferredType = Literal["Integral", "Fractional", "String", "Unknown"]
type Switch = Literal["Enabled", "Disabled"]
Threshold = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Read(BaseModel):
    """What others wrote: keys that are not known here are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class DistributionConstraints(_Read):
    """How a window's distribution is compared with the baseline's."""

    perform_comparison: Switch = "Enabled"
    comparison_threshold: Threshold = 0.1
    comparison_method: Literal["Simple", "Robust"] = "Robust"
    categorical_comparison_threshold: Threshold | None = None
    categorical_drift_method: Literal["LInfinity", "ChiSquared"] = "LInfinity"

    @property
    def categorical_threshold(self) -> float:
        """Files from before there was one for categories have one threshold for all."""
        if self.categorical_comparison_threshold is None:
            return self.comparison_threshold
        return self.categorical_comparison_threshold


class MonitoringConfig(_Read):
    """Thresholds of one feature. Both shares are the least that must match: 1.0 bears no exception.

    That is how Model Monitor's own files use them: it writes 1.0, and calls 99.6 % a violation of "Expected match:
    100.0%". The defaults are those it writes.
    """

    evaluate_constraints: Switch = "Enabled"
    emit_metrics: Switch = "Enabled"
    datatype_check_threshold: Threshold = 1.0
    domain_content_threshold: Threshold = 1.0
    distribution_constraints: DistributionConstraints = DistributionConstraints()


class NumConstraints(_Read):
    """What holds for the numbers of a feature."""

    is_non_negative: bool = False


class StringConstraints(_Read):
    """What holds for the texts of a feature: the values it may take."""

    domains: tuple[str, ...] | None = None
    monitoring_config_overrides: Mapping[str, Any] | None = None


class FeatureConstraints(_Read):
    """What one feature must satisfy. `overrides` are laid over the configuration of all.

    The documentation calls them `monitoringConfigOverrides`. `Constraints.set_monitoring` of the SageMaker SDK writes
    `monitoring_config_overrides`, up to version 2 within `string_constraints`, later beside them.
    """

    name: str
    inferred_type: InferredType = "Unknown"
    completeness: Annotated[float, Field(ge=0, le=1)] = 0.0
    num_constraints: NumConstraints | None = None
    string_constraints: StringConstraints | None = None
    monitoringConfigOverrides: Mapping[str, Any] | None = None  # noqa: N815  # the file's own spelling
    monitoring_config_overrides: Mapping[str, Any] | None = None

    @property
    def overrides(self) -> Mapping[str, Any]:
        """All of them; where two differ, the documented ones hold."""
        within = self.string_constraints.monitoring_config_overrides if self.string_constraints else None
        known = (within, self.monitoring_config_overrides, self.monitoringConfigOverrides)
        return reduce(_laid_over, filter(None, known), {})


class Constraints(_Read):
    """The whole file. Reading it checks the configuration of every feature, overrides included."""

    features: tuple[FeatureConstraints, ...]
    monitoring_config: Mapping[str, Any] = Field(default_factory=dict)

    def config_of(self, feature: FeatureConstraints) -> MonitoringConfig:
        """A feature's thresholds. Raises pydantic's ValidationError."""
        return MonitoringConfig.model_validate(_laid_over(self.monitoring_config, feature.overrides))

    def without_metrics(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the features for which `emit_metrics` is switched off, for each or for all."""
        by_name = {feature.name: feature for feature in self.features}
        configs = ((name, self.config_of(by_name.get(name, FeatureConstraints(name=name)))) for name in names)
        return frozenset(name for name, config in configs if config.emit_metrics == "Disabled")


def suggested_constraints(statistics: Mapping[str, Any]) -> dict[str, Any]:
    """The constraints that data with these statistics satisfies, as Model Monitor suggests them."""
    return {
        "version": 0.0,
        "features": [_feature(feature) for feature in statistics["features"]],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": 0.1,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": 0.1,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def _feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    numeric = feature.get("numerical_statistics")
    common = (numeric or feature["string_statistics"])["common"]
    cells = common["num_present"] + common["num_missing"]
    known = {
        "name": feature["name"],
        "inferred_type": feature["inferred_type"],
        "completeness": common["num_present"] / cells if cells else 0.0,
    }
    if numeric:
        return {**known, "num_constraints": {"is_non_negative": numeric["min"] >= 0}}
    distribution = feature["string_statistics"].get("distribution")
    values = [bucket["value"] for bucket in distribution["categorical"]["buckets"]] if distribution else []
    if not values or {UNLISTED, UNSEEN} & set(values):
        return known
    return {**known, "string_constraints": {"domains": values}}


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    laid = {**base, **over}
    for key in base.keys() & over.keys():
        if isinstance(base[key], Mapping) and isinstance(over[key], Mapping):
            laid[key] = _laid_over(base[key], over[key])
    return laid
