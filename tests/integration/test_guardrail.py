"""SageMaker's own deployments, guarded by the judge: an alarm on its evidence rolls a bad model back.

Alarms know real time only, so the minutes that are played here end now.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.rollouts import VARIANT, models_of
from tests.integration.deployed import Deployed, wait_for
from tests.integration.timeline import (
    MINUTE,
    Timeline,
    config_of,
    events,
    played_time,
    record,
    variants,
)

pytestmark = pytest.mark.integration

ROLLOUT, OWN = "gr-rollout", "gr-own"
WAIT = 1800
MINUTES = 10
"""One to see the deployment begin, five first minutes without a decision, three until their metrics are whole."""


@pytest.fixture(scope="module")
def played(stack: Deployed) -> Iterator[Timeline]:
    """A rollout in mode guardrail, and a deployment that a user made with the judge's alarm; both of a bad model."""
    with played_time(stack, datetime.now(UTC).replace(second=0, microsecond=0) - MINUTES * MINUTE) as time:
        for name in (ROLLOUT, OWN):
            time.create(name, golden=0, new={"error_rate": 0.1})
        time.roll_out(ROLLOUT, mode="guardrail", steps=[50, 100], bake_minutes=30)
        deploy_as_the_runbook_says(time)
        for _ in range(MINUTES):
            time.pass_minutes()
        names = (ROLLOUT, OWN)
        wait_for(lambda: "Updating" not in statuses(stack, *names), 20, "both to be rolled back")
        time.cloud.set_clock(None)
        wait_for(lambda: statuses(stack, *names) == {"InService"}, 20, "both to be in service")
        time.go_to(datetime.now(UTC))
        while not time.is_over(ROLLOUT):
            time.look()
        yield time


def deploy_as_the_runbook_says(time: Timeline) -> None:
    """What docs/runbooks/rollback.md shows to add to an update_endpoint."""
    asked = {"endpoint": OWN, "command": "guard", "by": "anna", "at": time.now.isoformat()}
    assert time.stack.invoke("judge_canary", asked) == {"alarm": f"trimtab-canary-{OWN}"}
    sagemaker = time.cloud.client("sagemaker")
    served = {"VariantName": VARIANT, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{OWN}-2", ProductionVariants=[served | {"ModelName": models_of(OWN)[1]}]
    )
    sagemaker.update_endpoint(
        EndpointName=OWN,
        EndpointConfigName=f"{OWN}-2",
        RetainAllVariantProperties=True,
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "LINEAR",
                    "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": WAIT,
                },
                "TerminationWaitInSeconds": WAIT,
                "MaximumExecutionTimeoutInSeconds": 3 * WAIT,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": f"trimtab-canary-{OWN}"}]},
        },
    )


def statuses(stack: Deployed, *endpoints: str) -> set[str]:
    sagemaker = stack.cloud.client("sagemaker")
    return {str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"]) for name in endpoints}


@pytest.mark.parametrize("endpoint", [ROLLOUT, OWN])
def test_sagemaker_rolls_back_by_the_judges_alarm(played: Timeline, endpoint: str) -> None:
    stack = played.stack
    assert config_of(stack, endpoint) == endpoint
    assert variants(stack, endpoint) == {VARIANT: (models_of(endpoint)[0], 1.0, 2)}
    described = played.cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    assert f"trimtab-canary-{endpoint}" in described["FailureReason"]


@pytest.mark.parametrize("endpoint", [ROLLOUT, OWN])
def test_people_hear_of_the_worse_fleet(played: Timeline, endpoint: str) -> None:
    def told() -> list[str]:
        return [each["title"] for each in played.stack.findings(endpoint) if each["kind"] == "canary"]

    wait_for(lambda: f"the new fleet of {endpoint} is worse than the old one" in told(), 20, "the finding")


def test_a_rollout_that_sagemaker_took_back_ends_rolled_back(played: Timeline) -> None:
    assert events(played.stack, ROLLOUT) == ["started", "rolling_back", "rolled_back"]
    assert "SageMaker took the new model back" in record(played.stack, ROLLOUT)["reason"]


def test_the_evidence_is_published_by_endpoint_and_by_deployment(played: Timeline) -> None:
    cloudwatch = played.cloud.client("cloudwatch")
    for dimensions in ({"EndpointName": OWN}, {"EndpointName": OWN, "EndpointConfigName": f"{OWN}-2"}):
        answer = cloudwatch.get_metric_statistics(
            Namespace="Trimtab",
            MetricName="CanaryHarmLnE",
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=played.start,
            EndTime=played.now + MINUTE,
            Period=60,
            Statistics=["Maximum"],
        )
        values = [each["Maximum"] for each in sorted(answer["Datapoints"], key=lambda each: each["Timestamp"])]
        assert values[0] < 4.605 <= values[-1]
