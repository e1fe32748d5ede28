"""Doing what a rollout asks for. Each can be repeated."""

from trimtab.aws import application_autoscaling as autoscaling
from trimtab.aws import sagemaker_deployments as deployments
from trimtab.rollout.actions import (
    Action,
    Deploy,
    Guard,
    MakeConfig,
    MakeModel,
    Resize,
    Scale,
    Smoke,
    Suspend,
    Unscale,
    Weigh,
)


def perform(endpoint: str, action: Action) -> None:
    """Bring about the state that an action names. `Smoke` and `Guard` are no orders to the endpoint: ValueError.

    Raises EndpointBusyError when the endpoint takes no orders now, NotFoundError when something is not there (yet).
    """
    match action:
        case MakeModel(name, document):
            deployments.create_model(name, document)
        case MakeConfig(name, document):
            deployments.create_config(name, document)
        case Deploy(config, override, deployment):
            deployments.update_endpoint(endpoint, config, override, deployment)
        case Weigh(weights):
            deployments.set_weights(endpoint, weights)
        case Resize(variant, instances):
            deployments.set_instances(endpoint, variant, instances)
        case Suspend(variant, suspended):
            autoscaling.suspend_scaling(endpoint, variant, suspended)
        case Scale(variant, minimum, maximum, suspended, policies):
            autoscaling.register_scaling(
                endpoint, variant, minimum=minimum, maximum=maximum, suspended=suspended, policies=policies
            )
        case Unscale(variant):
            autoscaling.deregister_scaling(endpoint, variant)
        case Smoke() | Guard():
            raise ValueError(f"{type(action).__name__} is no order to an endpoint")
