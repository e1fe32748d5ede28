"""Settings: one frozen model per function, read from its environment, and the monitor settings of an endpoint."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Self

import jmespath
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from yaml.composer import ComposerError
from yaml.events import AliasEvent

from trimtab.capture.grid import Bins, NumericBins, Vocabulary
from trimtab.capture.layout import Layout
from trimtab.cost.settings import CostSettings, PriceSettings
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.diagnosis.settings import MultivariateSettings
from trimtab.drift.thresholds import DriftThresholds
from trimtab.health.thresholds import HealthThresholds
from trimtab.model_monitor.settings import ModelMonitorSettings
from trimtab.quality.settings import QualitySettings
from trimtab.rollout.freeze import parse_window
from trimtab.rollout.rollback_settings import RollbackSettings
from trimtab.rollout.settings import RolloutSettings
from trimtab.sizing.settings import SizingSettings
from trimtab.training.settings import RetrainingSettings
from trimtab.validation import faults_of


class SettingsError(ValueError):
    """Settings that cannot be used. The message names every key at fault by its path."""


class FunctionSettings(BaseModel):
    """Settings of a function from its environment: field `state_bucket_name` is variable STATE_BUCKET_NAME."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Raises SettingsError naming the variables that are missing or wrong."""
        values = {name: environment[name.upper()] for name in cls.model_fields if name.upper() in environment}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = "; ".join(f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
            raise SettingsError(f"environment: {faults}") from error


class BuildReferenceSettings(FunctionSettings):
    """Environment of build_reference."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str


class BuildSiteSettings(FunctionSettings):
    """Environment of build_site."""

    name: str
    state_bucket_name: str
    state_table_name: str


class ProfileCaptureSettings(FunctionSettings):
    """Environment of profile_capture."""

    name: str
    state_bucket_name: str
    state_table_name: str


class DetectDriftSettings(FunctionSettings):
    """Environment of detect_drift."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str
    build_reference_function_name: str
    capture_queue_url: str


class JudgeQualitySettings(FunctionSettings):
    """Environment of judge_quality."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str


class ReportDriftSettings(FunctionSettings):
    """Environment of report_drift."""

    name: str
    state_bucket_name: str
    state_table_name: str


class WatchSelfSettings(FunctionSettings):
    """Environment of watch_self. `capture_buckets` and `function_names` are joined by commas."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str
    capture_buckets: str
    manage_capture_buckets: bool
    function_names: str
    capture_queue_url: str
    alert_queue_url: str
    capture_dead_letter_queue_url: str
    alert_dead_letter_queue_url: str
    failed_invocations_queue_url: str
    queue_age_minutes: Annotated[int, Field(gt=0)]


class StartRolloutSettings(FunctionSettings):
    """Environment of start_rollout."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str
    judge_canary_function_name: str


class JudgeCanarySettings(FunctionSettings):
    """Environment of judge_canary."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str


class RollBackEndpointSettings(FunctionSettings):
    """Environment of roll_back_endpoint."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str
    judge_canary_function_name: str


class TrackCostSettings(FunctionSettings):
    """Environment of track_cost. `cost_tags`: keys of tags by which cost is divided, joined by commas.
    `billing_reports`: where billing reports lie, as `bucket/prefix`; "" for none."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str
    cost_tags: str
    billing_reports: str = ""

    @property
    def tag_keys(self) -> tuple[str, ...]:
        return tuple(key for each in self.cost_tags.split(",") if (key := each.strip()))


class RightsizeEndpointsSettings(FunctionSettings):
    """Environment of rightsize_endpoints."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str


class StartRetrainingSettings(FunctionSettings):
    """Environment of start_retraining."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str


class WatchTrainingSettings(FunctionSettings):
    """Environment of watch_training."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str
    start_retraining_function_name: str


class ReleaseModelSettings(FunctionSettings):
    """Environment of release_model."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str
    start_rollout_function_name: str


class CheckDriftHelpedSettings(FunctionSettings):
    """Environment of check_drift_helped."""

    name: str
    state_bucket_name: str
    state_table_name: str
    findings_bus_name: str


def is_opted_out(tags: Mapping[str, str]) -> bool:
    """Whether an endpoint's tags say that it is not to be monitored."""
    return tags.get("trimtab:monitor") == "off"


class EndpointSettings(BaseModel):
    """How one endpoint is monitored. Every key has a default; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    columns: tuple[str, ...] = Field((), description="Input columns in payload order. Default: from the payload.")
    predictions: tuple[str, ...] = Field((), description="Output columns in payload order. Default: from the payload.")
    records: str = Field("", description="JMESPath to the records of a JSON request.")
    output_records: str = Field("", description="JMESPath to the records of a JSON answer.")
    model_attribute: str = Field(
        "",
        description="Where several models stand behind a variant: which custom attribute names the model.",
    )
    categorical: frozenset[str] = Field(
        frozenset(), description="Columns whose numbers are codes, or whose long texts are categories."
    )
    sample_rows: Annotated[int, Field(ge=0, le=10_000)] = Field(
        500, description="So many rows of each hour are kept for reports. 0: none, of training data neither."
    )
    redact: frozenset[str] = Field(frozenset(), description="Columns whose values are never kept in such rows.")
    ignore: frozenset[str] = Field(frozenset(), description="Columns that are never judged, such as row ids.")
    critical: frozenset[str] = Field(frozenset(), description="Columns whose drift alone is an ALERT.")
    importance: Mapping[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="Feature importances, on any scale. Default: all alike."
    )
    estimate_importance: bool = Field(
        False, description="Where none are given, decide by importances estimated from a model of the answers."
    )
    reference: str | None = Field(
        None,
        pattern=r"^s3://[^/]+/.+",
        description="Training data (CSV, Parquet or JSON Lines; a folder of such files ends in `/`), or Model "
        "Monitor's statistics.json. Default: the first complete window.",
    )
    watermark_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = Field(
        15, description="How long late captures are waited for before a window is judged."
    )
    max_window_hours: Annotated[int, Field(ge=1, le=24 * 90)] = Field(
        336, description="A window that has not got enough rows by then is judged with what it has."
    )
    reminder_hours: Annotated[int, Field(ge=1)] = Field(24, description="A raised alert is repeated after so long.")
    freeze: tuple[str, ...] = Field(
        (), description="Times in which no rollout starts or rises, as `Fri 16:00 - Mon 07:00` (UTC) or two moments."
    )
    drift: DriftThresholds = DriftThresholds()
    multivariate: MultivariateSettings = MultivariateSettings()
    data_quality: DataQualitySettings = DataQualitySettings()
    model_monitor: ModelMonitorSettings = ModelMonitorSettings()
    quality: QualitySettings | None = Field(
        None, description="Watch how good the answers are, with labels and without. Default: not at all."
    )
    health: HealthThresholds = HealthThresholds()
    rollout: RolloutSettings = RolloutSettings()
    rollback: RollbackSettings = RollbackSettings()
    cost: CostSettings = CostSettings()
    sizing: SizingSettings = SizingSettings()
    retraining: RetrainingSettings = RetrainingSettings()

    def layout(self, bins: Mapping[str, Bins] = MappingProxyType({})) -> Layout:
        """How captures are read, given the bins of the reference, if there is one."""
        return Layout(
            columns=self.columns,
            predictions=self.predictions,
            records=self.records,
            output_records=self.output_records,
            numeric=frozenset(name for name, each in bins.items() if isinstance(each, NumericBins)),
            categorical=self.categorical | {name for name, each in bins.items() if isinstance(each, Vocabulary)},
            # of answers the outputs and segments are kept too, which a reference need not have
            keep=frozenset(bins) if self.columns and bins and self.quality is None else None,
            identities=self.quality is not None,
        )

    @model_validator(mode="after")
    def _quality_needs_nothing_redacted(self) -> "EndpointSettings":
        quality = self.quality
        if quality is None:
            return self
        wanted = {"segments": quality.segments, "prediction": (quality.prediction,), "score": (quality.score,)}
        for key, names in wanted.items():
            if never := sorted(self.redact & set(names)):
                raise ValueError(f"quality.{key}: {', '.join(never)} is never kept, as redact says")
        return self

    @field_validator("columns", "predictions")
    @classmethod
    def _names_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice")
        return names

    @field_validator("freeze")
    @classmethod
    def _are_windows(cls, windows: tuple[str, ...]) -> tuple[str, ...]:
        for each in windows:
            parse_window(each)  # FreezeError is a ValueError
        return windows

    @field_validator("model_attribute")
    @classmethod
    def _names_an_attribute(cls, attribute: str) -> str:
        if attribute == "inferenceId:":
            raise ValueError("after inferenceId: the separator is missing, as in inferenceId:/")
        return attribute

    @field_validator("records", "output_records")
    @classmethod
    def _compiles(cls, path: str) -> str:
        try:
            if path:
                jmespath.compile(path)
        except jmespath.exceptions.JMESPathError as error:
            raise ValueError(f"no JMESPath: {' '.join(str(error).split())}") from error
        return path


class _Loader(yaml.SafeLoader):
    """YAML without what a short document of settings has no use for and can do harm with: aliases, which a few lines of
    can blow up to any size, and keys that stand twice, of which YAML would silently take the last."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(AliasEvent):
            raise ComposerError(None, None, "aliases are not supported", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        mapping = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise ComposerError(None, None, f"{key.value} stands there twice", key.start_mark)
                seen.add(key.value)
        return mapping


def parse_endpoint_settings(text: str) -> EndpointSettings:
    """Settings from YAML or JSON. An empty document means every default.

    Raises SettingsError that names each key at fault by its path, as `drift.psi: …`.
    """
    return _parse(text, EndpointSettings)


def parse_price_settings(text: str) -> PriceSettings:
    """The account's prices from YAML or JSON, as `parse_endpoint_settings`."""
    return _parse(text, PriceSettings)


def _parse[T: BaseModel](text: str, model: type[T]) -> T:
    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # tabs may indent JSON, but not YAML
    try:
        document: Any = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or number that is none, such as 2026-13-45
        raise SettingsError(f"not YAML or JSON: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise SettingsError("not YAML or JSON: nested too deeply") from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise SettingsError(f"a mapping of keys is expected, not {type(document).__name__}")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise SettingsError(faults_of(error)) from error
