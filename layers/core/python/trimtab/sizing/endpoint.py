"""What is known of an endpoint and of the instance types, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol


class InstanceType(Protocol):
    """What is asked of a hosting instance type; `trimtab.cost.catalogue` has them. None is not known, never zero.

    `gpu_memory_gib` is that of all its GPUs; `accelerator`: "gpu", "neuron", "gaudi", or None for CPUs alone.
    """

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def vcpus(self) -> int | None: ...
    @property
    def memory_gib(self) -> float | None: ...
    @property
    def architecture(self) -> str | None: ...
    @property
    def gpus(self) -> int | None: ...
    @property
    def gpu_memory_gib(self) -> float | None: ...
    @property
    def accelerator(self) -> str | None: ...
    @property
    def is_burstable(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A result of Inference Recommender for one type: requests a minute one instance took, and latency at that rate."""

    max_invocations: float
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One variant of an endpoint as it stands. None and empty mean unknown unless said otherwise.

    `instances`: the count now; `routing`: "RANDOM" is SageMaker's default. `changed`: when its configuration last
    changed; `created`: when the endpoint was made. `architectures` of its image. `other_requests`: of all other
    variants and inference components over the same days. `quotas`: the most instances of a type the account may have,
    where a limit was met. `benchmarks` by type. `request_mb`: the largest payload; `model_gb`: the unpacked model.
    `kept`: tagged `keep=true`.
    """

    instance_type: str
    instances: int
    kind: Literal["real_time", "serverless", "async", "inference_components"] = "real_time"
    routing: str = "RANDOM"
    variants: int = 1
    data_capture: bool = False
    network_isolated: bool = False
    multi_model: bool = False
    kept: bool = False
    created: datetime | None = None
    changed: datetime | None = None
    architectures: frozenset[str] = frozenset()
    other_requests: float | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)
    benchmarks: Mapping[str, Benchmark] = field(default_factory=dict)
    model_gb: float | None = None
    image_gb: float | None = None
    request_mb: float | None = None
