import copy
import json
from pathlib import Path

import pytest

from functions.start_rollout import app
from tests.unit.functions.rollout_world import OLD, START, account, alarm, install
from trimtab.rollout.state import rollout_of

EVENTS = Path(__file__).parents[3] / "events" / "start_rollout"


@pytest.fixture
def world(monkeypatch, context):
    return install(monkeypatch, context, account())


def refusal(world, **document):
    answer = world.start(**document)
    assert answer["phase"] == "refused"
    assert ("change", "churn") not in world.aws.items
    assert not any(name.startswith(("Create", "Update", "Register", "Invoke")) for name in world.aws.names())
    finding = world.aws.events[-1]
    assert (finding["kind"], finding["severity"], finding["reason"]) == ("canary", "warning", answer["reason"])
    return answer["reason"]


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_starts_a_rollout(world, context, path):
    world.aws.packages["arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/2"] = {}
    answer = app.lambda_handler(json.loads(path.read_text()), context)
    assert answer["phase"] == "preparing"
    rollout = rollout_of(world.aws.change())
    assert (rollout.id, rollout.variant, rollout.before.config) == (answer["rollout"], "AllTraffic", "old")
    assert world.aws.started == [("trimtab-judge-canary", {"endpoint": "churn"})]


def test_the_request_is_frozen_with_what_it_is_judged_by(world):
    world.aws.parameters["/trimtab/endpoints/churn"] = json.dumps(
        {"rollout": {"error_metric": "Invocation5XXErrors", "thresholds": {"unacceptable": 1.5}}}
    )
    world.start(margin=1.2, limits={"max_hours": 1.5, "max_error_rate": 0.1})
    rollout = rollout_of(world.aws.change())
    assert (rollout.thresholds.margin, rollout.thresholds.unacceptable) == (1.2, 1.5)
    assert (rollout.thresholds.latest_minutes, rollout.thresholds.looks) == (90, ((60, 0.02),))
    assert rollout.thresholds.max_error_rate == 0.1
    assert rollout.error_metric == "Invocation5XXErrors"
    assert rollout.latency_ms == 40.0  # production's own p95


def test_the_same_document_again_starts_nothing_again(world):
    first = world.start()
    written = copy.deepcopy(world.aws.items)
    assert world.start() == first
    assert world.aws.items == written
    assert len(world.aws.started) == 2


@pytest.mark.usefixtures("world")
def test_the_same_event_twice_is_one_rollout_and_another_event_another(context):
    event = json.loads((EVENTS / "requested_on_bus.json").read_text())
    first = app.lambda_handler(event, context)
    assert app.lambda_handler(event, context) == first
    assert app.lambda_handler({**event, "id": "another"}, context)["phase"] == "refused"


def test_a_rollout_that_has_ended_tells_how_and_another_can_start(world):
    first = world.start(model="bad")
    world.run()
    assert world.start(model="bad", at=START.isoformat()) == {"rollout": first["rollout"], "phase": "rolled_back"}
    second = world.start(model="bad", id="again")
    assert second["phase"] == "preparing"
    assert second["rollout"] != first["rollout"]
    assert world.start(model="bad", at=START.isoformat())["phase"] == "rolled_back"  # the record knows


@pytest.mark.parametrize("kind", ["rollout", "restoration"])
def test_one_change_at_a_time(world, kind):
    world.start()
    content = world.aws.change() | {"kind": kind, "phase": "updating"}
    world.aws.items["change", "churn"]["content"]["S"] = json.dumps(content)
    answer = world.start(id="another")
    assert "is in progress (updating)" in answer["reason"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"steps": [10, 50]}, "steps: the last step must be 100"),
        ({"limits": {"max_hour": 4}}, "limits.max_hour: Extra inputs are not permitted"),
        ({"model": None}, "name either model or model_package"),
        ({"model": "nobody"}, "model: Could not find model"),
        ({"model": "churn-v1"}, "AllTraffic serves churn-v1 already"),
        ({"endpoint": "nobody"}, "endpoint: there is no nobody"),
        ({"variant": "Blue"}, "variant: churn has no Blue, only AllTraffic"),
        ({"limits": {"max_instances": 3}}, "limits.max_instances: the canary needs up to 4 instances, 3 are allowed"),
        ({"margin": 3}, "unacceptable (2.0) must be above margin"),
        ({"mode": "guardrail"}, "steps: 10, 25, 50, 100 cannot be made by SageMaker's guardrail"),
    ],
)
def test_what_cannot_be_is_refused_with_the_path_of_the_key(world, document, reason):
    assert reason in refusal(world, **document)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda aws: setattr(aws.endpoints["churn"], "status", "Updating"), "the endpoint is Updating"),
        (lambda aws: aws.alarms.append(alarm("AllTraffic")), "alarm 5xx says that the endpoint is ill already"),
        (
            lambda aws: aws.configs["old"]["ProductionVariants"][0].update(ServerlessConfig={}),
            "AllTraffic is serverless",
        ),
        (lambda aws: aws.configs["old"]["ProductionVariants"][0].pop("ModelName"), "has no model of its own"),
        (
            lambda aws: aws.models["churn-v1"]["PrimaryContainer"].update(Mode="MultiModel"),
            "AllTraffic serves many models",
        ),
        (
            lambda aws: aws.configs["old"].update(ShadowProductionVariants=OLD["ProductionVariants"]),
            "no canary beside a shadow variant",
        ),
        (
            lambda aws: aws.parameters.update({"/trimtab/endpoints/churn": '{"freeze": ["Mon 00:00 - Mon 00:00"]}'}),
            "a freeze window holds: Mon 00:00 - Mon 00:00",
        ),
    ],
)
def test_an_endpoint_that_is_not_ready_for_it_is_left_alone(world, change, reason):
    change(world.aws)
    assert reason in refusal(world)


def test_other_alarms_do_not_matter(world):
    cpu = alarm("AllTraffic") | {"MetricName": "CPUUtilization", "Namespace": "/aws/sagemaker/Endpoints"}
    other = copy.deepcopy(alarm("AllTraffic"))
    other["Dimensions"][0]["Value"] = "other"
    world.aws.alarms = [cpu, other]
    assert world.start()["phase"] == "preparing"


def test_a_rejected_package_is_refused(world):
    world.aws.packages["p"] = {"ModelApprovalStatus": "Rejected"}
    assert "was rejected" in refusal(world, model=None, model_package="p")
