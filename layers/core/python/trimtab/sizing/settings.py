"""Every judgement call of right-sizing, with its default and where it comes from (see docs/sizing.md)."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Busy = Annotated[float, Field(gt=0, lt=1)]
Factor = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class SeedRow(BaseModel):
    """One row of the seed table: the type for a model and traffic both below the limits. None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model_gb: Factor | None = None
    rps: Factor | None = None
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]


SEED_TABLE = (
    SeedRow(model_gb=4, rps=10, instance_type="ml.m5.large"),  # the seed said ml.t3.medium, which cannot host
    SeedRow(instance_type="ml.g5.2xlarge"),
)


class SizingSettings(BaseModel):
    """How one endpoint is sized. Latency is p95 of `ModelLatency` in milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: Literal["observe", "propose", "act"] = Field(
        "observe",
        description="observe: only say what should be changed; propose: wait for an approval; act: change instance "
        "counts and scaling policies. Instance types are left to people in any mode.",
    )
    policy: Literal["measured", "seed_table"] = Field(
        "measured", description="measured: from the endpoint's own metrics; seed_table: by model size and traffic."
    )
    latency_ms: Factor | None = Field(None, description="p95 to hold. Default: what it is now, and `latency_slack`.")
    latency_slack: Annotated[float, Field(ge=1)] = Field(
        1.2, description="Without latency_ms: how many times today's p95 is still as good."
    )
    days: Annotated[int, Field(ge=7, le=15)] = Field(14, description="Days that full confidence needs.")
    min_days: Annotated[int, Field(ge=7, le=15)] = Field(
        7, description="Fewer days with data: INSUFFICIENT_DATA. A week, as each hour of it must have been seen."
    )
    day_coverage: Share = Field(0.9, description="Share of its minutes that a day must have to count.")
    growth: Annotated[float, Field(ge=0)] = Field(0.2, description="Growth to be ready for, while history is short.")
    growth_weeks: Annotated[int, Field(ge=4)] = Field(4, description="From so many weeks on growth is their slope.")
    horizon_weeks: Count = Field(4, description="How far ahead the slope is followed.")
    max_growth: Annotated[float, Field(ge=0)] = Field(1.0, description="The most that a slope may foretell.")
    busy: Busy = Field(0.7, description="How busy CPU, GPU and workers may be at the design load.")
    burstable_busy: Busy = Field(0.5, description="The same on t2, whose CPU credits run out.")
    failure_busy: Busy = Field(0.9, description="How busy they may be while a zone is lost.")
    failure_slack: Annotated[float, Field(ge=1)] = Field(1.5, description="Times latency_ms while a zone is lost.")
    breaking_busy: Busy = Field(0.95, description="In simulation: busier than this breaks the target for certain.")
    workers: Count | None = Field(
        None, description="Requests an instance serves at once. Default: one per vCPU, or fewer if latency shows it."
    )
    gpu_workers: Count = Field(1, description="Requests a GPU serves at once.")
    assumed_cv: Factor = Field(1.0, description="Spread of service time (CV) where no p95 was measured.")
    low_load: Busy = Field(0.2, description="Minutes below this quantile of load show service without queueing.")
    memory_headroom: Annotated[float, Field(ge=1)] = Field(1.2, description="Memory to have, times what is used.")
    performance: Mapping[str, Factor] = Field(
        default_factory=dict, description="Speed of families (m5, c7i) relative to each other. Default: all alike, 1."
    )
    zones: Count = Field(2, description="Availability zones the instances spread over; the loss of one is survived.")
    min_instances: Count = Field(2, description="Never fewer: AWS advises several instances for production.")
    max_instances: Count = Field(10, description="Never more, unless there are more already.")
    scale_in_cooldown_s: Annotated[int, Field(ge=0)] = 300
    scale_out_cooldown_s: Annotated[int, Field(ge=0)] = 60
    high_alarm_minutes: Count = Field(3, description="Minutes over target before scaling out (as observed at AWS).")
    low_alarm_minutes: Count = Field(15, description="Minutes under target before scaling in (as observed at AWS).")
    low_alarm_share: Busy = Field(0.9, description="Under target is below this share of it (as observed at AWS).")
    start_minutes: Count = Field(5, description="Minutes until a new instance serves.")
    scheduled_from: Share = Field(0.6, description="Seasonality from which scheduled scaling is proposed.")
    broken_share: Share = Field(0.001, description="Share of minutes over the target that still holds it …")
    broken_requests_share: Share = Field(0.01, description="… and at most this share of the requests in them.")
    unexplained_share: Share = Field(
        0.02, description="Share of minutes slower than load explains, from which the latency model is doubted."
    )
    min_saving_share: Share = Field(0.15, description="A smaller saving is not worth a change …")
    min_saving_usd: Annotated[float, Field(ge=0)] = Field(20, description="… nor is a smaller one in USD a month.")
    min_confidence: Share = Field(0.4, description="Below: collect or benchmark, no action.")
    high_confidence: Share = Field(0.7, description="From here confidence is high.")
    quiet_days: Annotated[int, Field(ge=0)] = Field(14, description="No second saving proposed so soon after a change.")
    confident_requests: Count = Field(10_000, description="Requests that full confidence needs.")
    resamples: Annotated[int, Field(ge=50, le=10_000)] = Field(200, description="Bootstrap resamples of the days.")
    idle_cpu: Annotated[float, Field(ge=0)] = Field(2, description="Idle: CPU p95 over its median, below so many %.")
    low_rps: Annotated[float, Field(ge=0)] = Field(1, description="Low use: fewer requests a second on average …")
    low_cpu_share: Share = Field(0.05, description="… and CPUs less busy than this.")
    unneeded_gpu_percent: Annotated[float, Field(ge=0)] = Field(5, description="GPU p99 below: it may not be needed.")
    serverless_share: Share = Field(0.6, description="Serverless only below this share of break-even traffic.")
    serverless_concurrency: Count = Field(200, description="Concurrency a serverless endpoint may have here.")
    cold_minutes: Count = Field(10, description="Idle minutes after which a serverless start is cold (assumed).")
    cold_share: Share = Field(0.001, description="Share of cold requests that is still acceptable.")
    async_latency_ms: Factor = Field(60_000, description="Asynchronous only where so long a wait is acceptable.")
    settling_minutes: Count = Field(120, description="A change whose instances do not serve by then is undone.")
    verify_days: Annotated[int, Field(ge=1, le=14)] = Field(
        7, description="A change is held against what was predicted for so long, and undone when that does not hold."
    )
    verify_hours: Count = Field(48, description="Hours before the cost of a change is judged.")
    verify_cost_share: Share = Field(0.15, description="Undone when it costs this share more than its replay …")
    verify_slow_hours: Count = Field(3, description="… or when so many hours have a p99 over the predicted one …")
    verify_slow_share: Share = Field(0.05, description="… and more than this share of all, and twice that of before.")
    seed_table: tuple[SeedRow, ...] = Field(
        (), description="With policy seed_table: the first row that fits. Default: ml.m5.large, else ml.g5.2xlarge."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "SizingSettings":
        for low, high in (
            ("min_days", "days"),
            ("min_instances", "max_instances"),
            ("min_confidence", "high_confidence"),
            ("busy", "failure_busy"),
            ("failure_busy", "breaking_busy"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} ({getattr(self, low)}) must not exceed {high} ({getattr(self, high)})")
        return self
