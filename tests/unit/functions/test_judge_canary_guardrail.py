"""judge_canary on SageMaker's own deployments: the alarm it keeps, and the evidence it publishes."""

import json
from types import SimpleNamespace

import botocore.client
import pytest
from pydantic import ValidationError

from functions.judge_canary import app
from tests.unit.functions.aws_in_memory import MINUTE, Aws, moment_ago
from trimtab.rollout.guardrail import THRESHOLD
from trimtab.rollout.readings import VariantReadings

START = moment_ago(days=2)
CONFIG = {"ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "m", "InitialInstanceCount": 2}]}
GUARD = {"endpoint": "churn", "command": "guard", "by": "anna"}


@pytest.fixture
def world(monkeypatch, context):
    """An endpoint that is guarded; `errors`: of the new fleet, a minute, of 100 requests (the old one: 10 of 1000)."""
    aws = Aws(START, error_rates={"m": 0.01})
    aws.configs |= {"churn-1": CONFIG, "churn-2": CONFIG}
    aws.host("churn", "churn-1")
    made = SimpleNamespace(aws=aws, errors=1, asked=[])
    for name in ("NAME", "STATE_BUCKET_NAME", "STATE_TABLE_NAME", "FINDINGS_BUS_NAME"):
        monkeypatch.setenv(name, "trimtab" if name == "NAME" else name.lower())
    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", lambda client, *call: aws.call(client, *call))

    def read_fleets(*given, **limits):
        _, config, _, start, end = given
        made.asked.append((config, start, limits))
        moments = [start + i * MINUTE for i in range(round((end - start) / MINUTE))]
        fleets = [(100, made.errors), (1100, 10 + made.errors)]
        return [tuple(VariantReadings(*(dict.fromkeys(moments, each) for each in fleet)) for fleet in fleets)], ""

    monkeypatch.setattr(app, "read_fleets", read_fleets)

    def run(minutes=1, **payload):
        aws.now += minutes * MINUTE
        return app.lambda_handler({**payload, "at": aws.now.isoformat()}, context)

    made.run = run
    return made


def deploy(world, config="churn-2"):
    """SageMaker deploys, and shows no end of it."""
    endpoint = world.aws.endpoints["churn"]
    endpoint.status, endpoint.after = "Updating", {"config": config}


def remembered(world):
    return json.loads(world.aws.items["guardrail", "churn"]["content"]["S"])


def values(world):
    return [datum["Value"] for _, datum in world.aws.published if len(datum["Dimensions"]) == 1]


def test_guarding_keeps_an_alarm_and_remembers_the_endpoint(world):
    assert world.run(**GUARD) == {"alarm": "trimtab-canary-churn"}
    assert world.run(**GUARD) == {"alarm": "trimtab-canary-churn"}
    assert world.aws.alarm == "trimtab-canary-churn"
    assert (remembered(world)["endpoint"], remembered(world)["by"]) == ("churn", "anna")


def test_a_guard_names_its_endpoint(world):
    with pytest.raises(ValidationError, match="names its endpoint"):
        world.run(command="guard")


def test_nothing_is_published_while_nothing_is_deployed(world):
    world.run(**GUARD)
    world.run()
    assert world.aws.published == []


def test_the_evidence_of_a_deployment_is_published_each_minute_for_endpoint_and_deployment(world):
    world.run(**GUARD)
    deploy(world)
    for _ in range(12):
        world.run()
    namespaces = {namespace for namespace, _ in world.aws.published}
    assert namespaces == {"Trimtab"}
    last = world.aws.published[-1][1]
    assert {each["Name"]: each["Value"] for each in last["Dimensions"]} == {
        "EndpointName": "churn",
        "EndpointConfigName": "churn-2",
    }
    assert last["Timestamp"] == world.aws.now
    assert max(values(world)) < THRESHOLD
    assert world.aws.events == []


def test_a_worse_fleet_brings_the_metric_to_the_alarm_and_is_told_once(world):
    world.errors = 12
    world.run(**GUARD)
    deploy(world)
    for _ in range(15):
        world.run()
    assert values(world)[0] < THRESHOLD <= values(world)[-1]
    [finding] = world.aws.told().values()
    assert (finding["kind"], finding["severity"]) == ("canary", "critical")
    assert "trimtab-canary-churn" in finding["reason"]
    assert finding["evidence"]["decision"] == "ROLL_BACK"


def test_each_deployment_is_judged_by_itself_with_the_latency_before_it(world):
    world.run(**GUARD)
    deploy(world)
    world.run()
    began = world.aws.now
    world.run(minutes=5)
    assert world.asked[-1] == ("churn-2", began, {"error_metric": "InvocationModelErrors", "latency_ms": 40.0})
    world.aws.endpoints["churn"].status, world.aws.endpoints["churn"].after = "InService", {}
    world.run()
    assert (remembered(world)["config"], remembered(world)["since"]) == ("", None)
    deploy(world)  # the same once more
    world.run(minutes=60)
    assert world.asked[-1][1] == world.aws.now


def test_an_endpoint_that_is_gone_is_passed_over(world):
    world.run(**GUARD)
    del world.aws.endpoints["churn"]
    assert world.run() == {"rollouts": {}}


def test_two_runs_at_once_do_no_harm(world, monkeypatch):
    world.run(**GUARD)
    deploy(world)
    monkeypatch.setattr(
        app, "usual_latency", lambda *_: world.aws.items["guardrail", "churn"].update(version={"N": "9"})
    )
    assert world.run() == {"rollouts": {}}
