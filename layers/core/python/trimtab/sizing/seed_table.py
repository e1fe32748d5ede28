"""The seed's rule, by model size and traffic alone, corrected to types that can host the model.

It is kept for those who want it, and as the yardstick: it knows neither the service time nor the latency target.
"""

from collections.abc import Mapping

from trimtab.sizing.capacity import model_memory_gib
from trimtab.sizing.endpoint import InstanceType
from trimtab.sizing.settings import SEED_TABLE, SizingSettings


def seed_type(
    model_gb: float | None, rps: float, catalogue: Mapping[str, InstanceType], settings: SizingSettings
) -> InstanceType | str:
    """The type of the first row whose limits are above this model and traffic, or why the table has no answer."""
    if model_gb is None:
        return "the seed table needs the model's size, which is not known"
    for row in settings.seed_table or SEED_TABLE:
        if (row.model_gb is None or model_gb < row.model_gb) and (row.rps is None or rps < row.rps):
            answer = catalogue.get(row.instance_type)
            if answer is None:
                return f"{row.instance_type} of the seed table is no type that can host here"
            needed = model_memory_gib(model_gb, 1, answer.accelerator)
            if answer.memory_gib is None or answer.memory_gib < needed:
                return f"{row.instance_type} of the seed table does not hold a model of {model_gb:g} GB"
            return answer
    return f"no row of the seed table is for a model of {model_gb:g} GB and {rps:.1f} requests a second"
