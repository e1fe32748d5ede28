"""CloudWatch alarms on the deployed template, IAM enforced: a good configuration comes back, or is proposed.

Everything here happens in real time and by the stack's own triggers: alarms and endpoints tell EventBridge, and that
runs the functions.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from local.cloud import ROOT
from local.rollouts import VARIANT, create_endpoint, models_of, triggers_stopped
from tests.integration.deployed import Deployed, wait_for
from tests.integration.timeline import QUICK, change, config_of, record, variants

pytestmark = pytest.mark.integration

ACT, OBSERVE, PROPOSE, TAGGED, OLD_ALARM = "rb-act", "rb-observe", "rb-propose", "rb-tagged", "rb-old-alarm"
ROLLOUT, WELL = "rb-rollout", ("rb-well-a", "rb-well-b", "rb-well-c", "rb-well-d", "rb-well-e", "rb-well-f")
MODES = {ACT: "act", OBSERVE: "observe", PROPOSE: "propose", TAGGED: "act", OLD_ALARM: "act"}


@pytest.fixture(scope="module")
def ill(stack: Deployed) -> Iterator[Deployed]:
    """Endpoints whose good configuration is known, and whose new one fails. Others are well, so that it is not the
    environment that is ill."""
    with triggers_stopped(stack.cloud):
        for name in (*MODES, ROLLOUT, *WELL):
            rollback = {"mode": MODES.get(name, "act"), "good_minutes": 0}
            stack.put_settings(name, json.dumps({**QUICK, "rollback": rollback}))
            create_endpoint(stack.cloud, name, stack.capture_bucket, golden=0, new={"error_rate": 0.5})
            send(stack, name, 1000)
        prove_good(stack, *MODES, ROLLOUT)
        update(stack, ROLLOUT, models_of(ROLLOUT)[0])
        send(stack, ROLLOUT, 1000)
        prove_good(stack, ROLLOUT)
        raise_alarm(stack, OLD_ALARM, VARIANT, threshold=-1)
        wait_for(lambda: state(stack, OLD_ALARM) == "ALARM", 20, "the alarm that is there before the deployment")
        for name in MODES:
            update(stack, name, models_of(name)[1])
    for name in (ACT, OBSERVE, PROPOSE):
        raise_alarm(stack, name, VARIANT)
        send(stack, name, 2000)
    stack.cloud.flush_captures()
    complain(stack)
    yield stack
    for name in MODES:
        stack.cloud.client("cloudwatch").delete_alarms(AlarmNames=[name])


def send(stack: Deployed, endpoint: str, requests: int) -> None:
    """Some requests in this minute."""
    stack.cloud.send_traffic(endpoint, datetime.now(UTC), requests, seed=1)


def prove_good(stack: Deployed, *endpoints: str) -> None:
    """Let the stack see that what serves now is good."""
    stack.cloud.flush_captures()
    for name in endpoints:
        answer = stack.invoke("roll_back_endpoint", {"endpoint": name})
        assert answer["endpoints"][name]["good"], answer


def update(stack: Deployed, endpoint: str, model: str) -> None:
    """Deploy another configuration, with this model, and wait until it serves."""
    sagemaker, config = stack.cloud.client("sagemaker"), f"{endpoint}-2"
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint)["ProductionVariants"]
    sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[{**variant, "ModelName": model}])
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    wait_for(lambda: config_of(stack, endpoint) == config, 20, f"{endpoint} to be updated")


def raise_alarm(stack: Deployed, endpoint: str, variant: str, threshold: float = 100) -> None:
    """An alarm by the name of the endpoint on the errors of a variant; it rings as soon as there are too many."""
    stack.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=endpoint,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )


def complain(stack: Deployed) -> None:
    """An alarm on something else than the endpoint, whose tag says which endpoint it is about."""
    cloudwatch = stack.cloud.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=TAGGED,
        Namespace="Shop",
        MetricName="Complaints",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=10,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        Tags=[{"Key": "trimtab:rollback", "Value": TAGGED}],
    )
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Complaints", "Value": 25.0}])


def state(stack: Deployed, alarm: str) -> str:
    described = stack.cloud.client("cloudwatch").describe_alarms(AlarmNames=[alarm])
    return str(described["MetricAlarms"][0]["StateValue"])


def told(stack: Deployed, endpoint: str) -> list[dict[str, Any]]:
    """The findings about rollbacks of an endpoint, each once, as they came."""
    return list({each["id"]: each for each in stack.findings(endpoint) if each["kind"] == "rollback"}.values())


def wait_for_finding(stack: Deployed, endpoint: str, outcome: str) -> dict[str, Any]:
    def found() -> list[dict[str, Any]]:
        return [each for each in told(stack, endpoint) if each["action"]["outcome"].startswith(outcome)]

    wait_for(lambda: bool(found()), 60, f"the finding that {endpoint} {outcome}")
    return found()[0]


@pytest.mark.parametrize("endpoint", [ACT, TAGGED])
def test_an_alarm_puts_the_good_configuration_back(ill: Deployed, endpoint: str) -> None:
    finding = wait_for_finding(ill, endpoint, f"put back {endpoint}")
    assert (config_of(ill, endpoint), variants(ill, endpoint)) == (
        endpoint,
        {VARIANT: (models_of(endpoint)[0], 1.0, 2)},
    )
    assert finding["state"] == "cleared"
    assert (finding["evidence"]["bad"], finding["evidence"]["alarm"]["name"]) == (f"{endpoint}-2", endpoint)
    assert [each["action"]["outcome"] for each in told(ill, endpoint)] == [
        f"puts back {endpoint}",
        f"put back {endpoint}",
    ]
    kept = record(ill, endpoint)
    assert (kept["phase"], kept["by"], kept["after"]["config"]) == ("rolled_back", "Trimtab", endpoint)
    wait_for(lambda: any(mail.subject.startswith("[CRITICAL]") for mail in ill.mails(endpoint)), 20, "a mail")


def test_observing_only_says_what_would_be_put_back(ill: Deployed) -> None:
    finding = wait_for_finding(ill, OBSERVE, f"would put back {OBSERVE}")
    assert (finding["severity"], finding["action"]["mode"]) == ("critical", "observe")
    assert config_of(ill, OBSERVE) == f"{OBSERVE}-2"


def test_what_is_proposed_is_done_when_somebody_approves(ill: Deployed) -> None:
    finding = wait_for_finding(ill, PROPOSE, "waits for approval")
    assert json.dumps({"endpoint": PROPOSE, "command": "approve"})[:-1] in finding["action"]["outcome"]
    assert config_of(ill, PROPOSE) == f"{PROPOSE}-2"
    ill.invoke("roll_back_endpoint", {"endpoint": PROPOSE, "command": "approve", "by": "anna"})
    assert wait_for_finding(ill, PROPOSE, f"put back {PROPOSE}")["evidence"]["by"] == "anna"
    assert config_of(ill, PROPOSE) == PROPOSE


def test_an_alarm_from_before_the_deployment_is_refused(ill: Deployed) -> None:
    # its event comes late, or a second time
    event = json.loads((ROOT / "events" / "roll_back_endpoint" / "alarm_raised.json").read_text())
    answer = ill.invoke("roll_back_endpoint", told_of(ill, event, OLD_ALARM))
    assert answer["endpoints"][OLD_ALARM]["rule"] == "alarm before deployment"
    wait_for(lambda: any("before" in each["reason"] for each in told(ill, OLD_ALARM)), 20, "the finding")
    assert {each["action"]["outcome"] for each in told(ill, OLD_ALARM)} == {"nothing was done"}
    assert config_of(ill, OLD_ALARM) == f"{OLD_ALARM}-2"


def told_of(stack: Deployed, event: Mapping[str, Any], endpoint: str) -> dict[str, Any]:
    """The event of an alarm as EventBridge told it when it went to ALARM."""
    [alarm] = stack.cloud.client("cloudwatch").describe_alarms(AlarmNames=[endpoint])["MetricAlarms"]
    detail = json.loads(json.dumps(event["detail"]))
    detail["alarmName"] = endpoint
    detail["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"]["EndpointName"] = endpoint
    detail["state"]["timestamp"] = f"{alarm['StateUpdatedTimestamp']:%Y-%m-%dT%H:%M:%S.%f%z}"
    return {**event, "resources": [alarm["AlarmArn"]], "detail": detail}


def test_an_alarm_during_a_rollout_makes_the_judge_look_at_once(ill: Deployed) -> None:
    document = {"endpoint": ROLLOUT, "model": models_of(ROLLOUT)[1], "by": "anna"}
    ill.invoke("start_rollout", document)
    # SageMaker's events bring it further; no schedule is waited for
    wait_for(lambda: change(ill, ROLLOUT)["phase"] == "baking", 60, "the canary to have traffic")
    raise_alarm(ill, ROLLOUT, "Canary", threshold=20)
    send(ill, ROLLOUT, 2000)
    ill.cloud.flush_captures()
    wait_for(lambda: change(ill, ROLLOUT)["phase"] == "rolled_back", 60, "the canary to be gone")
    assert record(ill, ROLLOUT)["reason"] == f"alarm {ROLLOUT} says that the canary is ill"
    # it still rings, and an older configuration was good: but what served beside the canary is not ill
    assert state(ill, ROLLOUT) == "ALARM"
    ill.invoke("roll_back_endpoint", {"endpoint": ROLLOUT})
    ill.cloud.client("cloudwatch").delete_alarms(AlarmNames=[ROLLOUT])
    assert (config_of(ill, ROLLOUT), change(ill, ROLLOUT)["kind"]) == (f"{ROLLOUT}-2", "rollout")
    assert variants(ill, ROLLOUT) == {VARIANT: (models_of(ROLLOUT)[0], 1.0, 2)}
