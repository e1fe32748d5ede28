"""`UpdateEndpointWeightsAndCapacities`: the traffic's shares, or how many instances a variant has."""

from typing import Any

from local.sagemaker.changes import Change
from local.sagemaker.deployments import Stage
from local.sagemaker.endpoints import endpoint_named
from local.sagemaker.errors import invalid
from local.sagemaker.fleets import Fleet
from local.sagemaker.service import Operation, Parameters, Service

CHANGEABLE = ("DesiredWeight", "DesiredInstanceCount")


def update_weights_and_capacities(service: Service, parameters: Parameters) -> dict[str, Any]:
    """Begin the change; what is wanted shows at once, what is comes when it ends. moto forgets what isn't named."""
    endpoint = endpoint_named(service, parameters["EndpointName"])
    hosting = service.changes.require_changeable(endpoint)
    wanted = parameters["DesiredWeightsAndCapacities"]
    _require_known_variants(wanted, hosting.fleet)
    _require_possible_capacity(wanted)
    now = service.clock.now()
    stages = (Stage("Updating", service.faults.present.weights_seconds),)
    desired = {d["VariantName"]: {member: d[member] for member in CHANGEABLE if member in d} for d in wanted}
    service.changes.begin(endpoint, Change("Updating", now, now, stages, desired=desired))
    return {"EndpointArn": endpoint.arn}


def _require_known_variants(wanted: list[Parameters], fleet: Fleet) -> None:
    there = {variant["VariantName"] for variant in fleet.variants}
    seen = set()
    for desired in wanted:
        name = desired["VariantName"]
        if name in seen:
            raise invalid(f'The variant name "{name}" was non-unique within the request.')
        if name not in there:
            raise invalid(
                f'The variant name(s) "{name}" is/are not present within endpoint configuration "{fleet.config_name}".'
            )
        seen.add(name)


def _require_possible_capacity(wanted: list[Parameters]) -> None:
    counts = {d["VariantName"]: d["DesiredInstanceCount"] for d in wanted if "DesiredInstanceCount" in d}
    if len(counts) > 1:
        raise invalid(f"The capacity of one variant can be updated at a time, not of {', '.join(sorted(counts))}.")
    for name, count in counts.items():
        if count < 1:
            raise invalid(f"Variant {name} must have at least 1 instance, not {count}.")


OPERATIONS: dict[str, Operation] = {"UpdateEndpointWeightsAndCapacities": update_weights_and_capacities}
