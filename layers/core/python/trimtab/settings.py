"""Settings: one frozen model per function, read from its environment, and the monitor settings of an endpoint."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trimtab.drift.thresholds import DriftThresholds


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


class EndpointSettings(BaseModel):
    """How one endpoint is monitored. Every key has a default; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = Field((), description="Input columns in payload order. Default: from the payload.")
    predictions: tuple[str, ...] = Field((), description="Output columns in payload order. Default: from the payload.")
    records: str = Field("", description="JMESPath to the records of a JSON request.")
    output_records: str = Field("", description="JMESPath to the records of a JSON answer.")
    categorical: frozenset[str] = Field(frozenset(), description="Columns whose numbers are codes.")
    ignore: frozenset[str] = Field(frozenset(), description="Columns that are never judged, such as row ids.")
    critical: frozenset[str] = Field(frozenset(), description="Columns whose drift alone is an ALERT.")
    importance: Mapping[str, Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict, description="Feature importances, on any scale. Default: all alike."
    )
    reference: str | None = Field(
        None,
        pattern=r"^s3://[^/]+/.+",
        description="Training data (CSV, Parquet or JSON Lines). Default: the first complete window.",
    )
    watermark_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = Field(
        15, description="How long late captures are waited for before a window is judged."
    )
    max_window_hours: Annotated[int, Field(ge=1, le=24 * 90)] = Field(
        336, description="A window that has not got enough rows by then is judged with what it has."
    )
    reminder_hours: Annotated[int, Field(ge=1)] = Field(24, description="A raised alert is repeated after so long.")
    drift: DriftThresholds = DriftThresholds()

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        for key, names in (("columns", self.columns), ("predictions", self.predictions)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{key} names {', '.join(twice)} twice")
        return self


def parse_endpoint_settings(text: str) -> EndpointSettings:
    """Settings from YAML or JSON. An empty document means every default.

    Raises SettingsError that names each key at fault by its path, as `drift.psi: …`.
    """
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"not YAML or JSON: {' '.join(str(error).split())}") from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise SettingsError(f"a mapping of keys is expected, not {type(document).__name__}")
    try:
        return EndpointSettings.model_validate(document)
    except ValidationError as error:
        raise SettingsError("; ".join(_fault(fault["loc"], fault["msg"]) for fault in error.errors())) from error


def _fault(location: tuple[int | str, ...], message: str) -> str:
    path = ".".join(str(part) for part in location)
    return f"{path}: {message}" if path else message
