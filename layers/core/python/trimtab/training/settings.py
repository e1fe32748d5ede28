"""How one endpoint's model is retrained, gated and released: every judgement call, with its default."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trimtab.training.gate_thresholds import GateThresholds

type Count = Annotated[int, Field(ge=1)]
type Hours = Annotated[float, Field(ge=0)]
type Usd = Annotated[float, Field(gt=0)]
type Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
type CheckName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+-check-[a-zA-Z0-9_-]+$", max_length=64)]
type S3Uri = Annotated[str, Field(pattern=r"^s3://[^/]+/.+")]


class GuardSettings(BaseModel):
    """What must hold before a training is started."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_new_rows: Count = Field(1000, description="Labelled rows since the model's training data, at least.")
    min_rows_per_class: Annotated[int, Field(ge=0)] = Field(100, description="The same of each class.")
    attempt_cooldown_hours: Hours = Field(
        24, description="Rest after an attempt; doubled by each failed gate in a row."
    )
    max_cooldown_hours: Hours = Field(168, description="The longest that failed gates make it.")
    release_cooldown_hours: Hours = Field(24, description="Rest after a release.")
    max_attempts: Count = Field(3, description="Attempts in …")
    attempts_days: Count = Field(7, description="… so many days, at most.")
    monthly_usd: Usd = Field(100, description="What the trainings of a calendar month may cost, in US dollars.")
    usd_per_error: Usd | None = Field(
        None,
        description="What one wrong prediction costs (regression: one unit of error). Default: worth is not judged.",
    )
    worth_months: Annotated[float, Field(gt=0)] = Field(1, description="How long the gain of a retraining is counted.")
    recovered_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="Share of the lost quality that a retraining is expected to bring back."
    )
    min_gain_ratio: Annotated[float, Field(gt=0)] = Field(
        1, description="Expected gain, at least so many times the cost."
    )
    stop_after: Count = Field(2, description="Stop after so many retrainings in a row that did not help.")

    @model_validator(mode="after")
    def _consistent(self) -> "GuardSettings":
        if self.attempt_cooldown_hours > self.max_cooldown_hours:
            raise ValueError(
                f"attempt_cooldown_hours ({self.attempt_cooldown_hours:g}) must not exceed "
                f"max_cooldown_hours ({self.max_cooldown_hours:g})"
            )
        return self


class SpotSettings(BaseModel):
    """How training uses managed spot. Times in seconds; None: from what past trainings took."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enabled: bool = Field(True, description="Train on managed spot.")
    checkpoints: bool = Field(False, description="The algorithm writes checkpoints to /opt/ml/checkpoints.")
    max_run_seconds: Count | None = Field(None, description="MaxRuntimeInSeconds.")
    max_wait_seconds: Count | None = Field(None, description="MaxWaitTimeInSeconds: waiting and running together.")
    first_run_seconds: Count = Field(3600, description="MaxRuntimeInSeconds while no past training is known.")
    runtime_slack: Annotated[float, Field(ge=1)] = Field(1.5, description="Times p95 of past trainings.")
    retry_on_demand: bool = Field(True, description="After waiting too long, train on demand once if drift is severe.")

    @model_validator(mode="after")
    def _consistent(self) -> "SpotSettings":
        if self.max_wait_seconds is None:
            return self
        if not self.enabled:
            raise ValueError("max_wait_seconds needs spot: SageMaker takes MaxWaitTimeInSeconds with it only")
        if self.max_run_seconds is None:
            raise ValueError("max_wait_seconds needs max_run_seconds, which it must not be below")
        if self.max_wait_seconds < self.max_run_seconds:
            raise ValueError(
                f"max_wait_seconds ({self.max_wait_seconds}) must not be below max_run_seconds ({self.max_run_seconds})"
            )
        return self


class TrainingJobSettings(BaseModel):
    """The training job to create where no pipeline is named."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="Training image (with a digest).")
    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+")] = Field(description="Execution role.")
    data: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")], S3Uri] = Field(
        min_length=1, max_length=20, description="Channels and their S3 prefixes."
    )
    content_type: str | None = Field(None, description="Content type of the channels.")
    output: S3Uri = Field(description="Where the model artifact goes.")
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")] = "ml.m5.xlarge"
    instance_count: Count = 1
    volume_gb: Count = 30
    hyperparameters: Mapping[str, str] = Field(default_factory=dict, max_length=100)
    environment: Mapping[str, str] = Field(default_factory=dict, max_length=90)


class RetrainingSettings(BaseModel):
    """The retraining of one endpoint's model. Without a pipeline and without a training job nothing is started."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    mode: Literal["observe", "propose", "act"] = Field(
        "observe", description="observe: only say; propose: wait for an approval; act: start the training."
    )
    pipeline: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None, description="Name or ARN of the SageMaker pipeline to start."
    )
    training_job: TrainingJobSettings | None = Field(None, description="The training job to create instead.")
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")] = Field(
        "ml.m5.xlarge", description="What a pipeline trains on, to estimate its cost."
    )
    instance_count: Count = Field(1, description="How many of them.")
    model_package_group: Name | None = Field(None, description="Where versions are registered.")
    staging_endpoint: Name | None = Field(None, description="Endpoint that a version serves first.")
    staging_check: CheckName | None = Field(
        None, description="Lambda function `<Name>-check-…` that is asked whether a version does well on staging."
    )
    approve_automatically: bool = Field(False, description="Register versions that pass every gate as Approved.")
    data: S3Uri | None = Field(
        None, description="Document that tells of new labelled rows. Default: `retraining/<endpoint>/data.json`."
    )
    evaluations: S3Uri | None = Field(
        None, description="Prefix where trainings leave evaluation files. Default: `evaluations/<endpoint>`."
    )
    evaluation_hours: Hours = Field(24, description="How long an evaluation is waited for after a training.")
    inference_image: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        None, description="Image that serves the model. Default: the one it was trained in."
    )
    content_type: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        "text/csv", description="What the model takes and answers."
    )
    guards: GuardSettings = GuardSettings()
    spot: SpotSettings = SpotSettings()
    gates: GateThresholds = GateThresholds()

    @property
    def target(self) -> str:
        """What a start calls: the pipeline, or "training_job"; "" when nothing is to be started."""
        return self.pipeline or ("training_job" if self.training_job else "")

    @property
    def trains_on(self) -> tuple[str, int]:
        """The instance type that a training runs on, and how many of it."""
        of = self.training_job or self
        return of.instance_type, of.instance_count

    @model_validator(mode="after")
    def _has_one_target(self) -> "RetrainingSettings":
        if self.pipeline is not None and self.training_job is not None:
            raise ValueError("name a pipeline or a training_job, not both")
        return self
