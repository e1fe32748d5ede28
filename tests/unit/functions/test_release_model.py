import itertools
import json
import random
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.release_model import app
from functions.start_rollout import app as start_rollout
from tests.unit.functions.aws_in_memory import Killed, error
from tests.unit.functions.training_world import install, training_account
from trimtab.rollout.state import TERMINAL
from trimtab.sizing import application
from trimtab.training.changes import OVER

EVENTS = Path(__file__).parents[3] / "events" / "release_model"
SETTINGS = {"mode": "act", "model_package_group": "churn"}
STAGED = SETTINGS | {"staging_endpoint": "churn-staging"}
CHECKED = STAGED | {"staging_check": "trimtab-check-churn"}


class World:
    """An endpoint that serves version 1 of group churn; versions 2 and 3 are registered."""

    def __init__(self, monkeypatch, context, settings=SETTINGS):
        self.context = context
        self.aws = install(monkeypatch, training_account(settings))
        for _ in range(3):
            self.aws.CreateModelPackage(
                "churn", ModelApprovalStatus="PendingManualApproval", LastModifiedTime=datetime.now(UTC)
            )
        self.arns = list(self.aws.registered)
        self.approve(1)
        self.serve(1)
        self.number = itertools.count(1)
        self.rollouts = {}
        self.aws.answers["trimtab-start-rollout"] = self.start_rollout

    def start_rollout(self, document):
        rollout = self.rollouts.setdefault(document["id"], f"r{len(self.rollouts)}")
        item = self.aws.items.get(("change", document["endpoint"]))
        present = json.loads(item["content"]["S"]) if item else {"id": "", "phase": "promoted"}
        if present["id"] != rollout and present["phase"] in OVER:
            self.put_change(document["endpoint"], rollout, "preparing")
        return {"rollout": rollout, "phase": "preparing"}

    def put_change(self, endpoint, rollout, phase):
        content = json.dumps({"kind": "rollout", "id": rollout, "phase": phase, "reason": "because"})
        self.aws.items["change", endpoint] = {"content": {"S": content}, "version": {"N": "1"}}

    def end_rollout(self, phase="promoted", endpoint="churn"):
        change = json.loads(self.aws.items["change", endpoint]["content"]["S"])
        self.put_change(endpoint, change["id"], phase)

    def approve(self, version, status="Approved"):
        self.aws.packages[self.arns[version - 1]] |= {
            "ModelApprovalStatus": status, "LastModifiedTime": datetime.now(UTC),
        }  # fmt: skip

    def serve(self, version):
        container = {"ModelPackageName": self.arns[version - 1]}
        self.aws.models["churn-v1"] = {"PrimaryContainer": container, "ExecutionRoleArn": "r"}

    def event(self, version, approval="Approved"):
        detail = {
            "ModelPackageArn": self.arns[version - 1], "ModelPackageGroupName": "churn", "ModelPackageVersion": version,
            "ModelPackageStatus": "Completed", "ModelApprovalStatus": approval, "CreationTime": "2026-11-20T08:00:00Z",
        }  # fmt: skip
        return {"detail-type": "SageMaker Model Package State Change", "source": ["aws.sagemaker"], "detail": detail}

    def handle(self, event):
        return app.lambda_handler(event, self.context)["endpoints"].get("churn")

    def tell(self, version, approval="Approved"):
        return self.handle(self.event(version, approval))

    def asked(self):
        """The rollouts that were asked for, each once."""
        documents = {each["id"]: each for name, each in self.aws.started if name == "trimtab-start-rollout"}
        return [(each["endpoint"], each["model_package"]) for each in documents.values()]

    def last(self):
        return list(self.aws.told().values())[-1]

    def current(self):
        return self.aws.memory(partition="release")["current"]


@pytest.fixture
def make(monkeypatch, context):
    return lambda settings=SETTINGS: World(monkeypatch, context, settings)


def test_an_approved_version_is_rolled_out_and_its_champion_named(make):
    world = make()
    world.approve(2)
    assert world.tell(2) == {
        "action": "release", "reason": "version 2 is approved, version 1 serves", "phase": "rolling"
    }  # fmt: skip
    assert world.asked() == [("churn", world.arns[1])]
    world.end_rollout()
    world.serve(2)
    assert world.handle({"detail-type": "Canary", "detail": {"endpoint": "churn"}}) == {"phase": "released"}
    assert f"{world.arns[0]} is kept to go back to" in world.last()["reason"]
    assert world.aws.memory(partition="release")["released"]
    assert world.tell(2)["action"] == "ignore"
    assert len(world.asked()) == 1


def test_staging_comes_first(make):
    world = make(STAGED)
    world.approve(2)
    world.tell(2)
    assert world.asked() == [("churn-staging", world.arns[1])]
    assert world.aws.started[0][1]["steps"] == [100]
    assert world.handle({}) == {"phase": "rolling"}
    world.end_rollout(endpoint="churn-staging")
    world.handle(json.loads((EVENTS / "rollout_promoted.json").read_text()))
    assert world.asked() == [("churn-staging", world.arns[1]), ("churn", world.arns[1])]
    assert "steps" not in world.aws.started[-1][1]
    world.end_rollout()
    assert world.handle({})["phase"] == "released"


def test_the_users_own_check_is_asked_on_staging_until_it_answers(make):
    world = make(CHECKED)
    answers = iter([{"passed": None, "reason": "60 of 120 cases"}, {"passed": True, "reason": "120 cases"}])
    world.aws.answers["trimtab-check-churn"] = lambda _: next(answers)
    world.approve(2)
    world.tell(2)
    world.end_rollout(endpoint="churn-staging")
    assert world.handle({}) == {"phase": "waiting", "waits": "60 of 120 cases"}
    assert world.handle({}) == {"phase": "rolling"}
    asked = [payload for name, payload in world.aws.started if name == "trimtab-check-churn"]
    assert asked[0] == asked[1]
    assert asked[0] | {"id": ""} == {
        "id": "", "endpoint": "churn", "staging_endpoint": "churn-staging", "model_package": world.arns[1], "version": 2
    }  # fmt: skip
    told = [each["reason"] for each in world.aws.told().values()]
    assert "it passed trimtab-check-churn on churn-staging: 120 cases" in told
    assert [name for name, _ in world.asked()] == ["churn-staging", "churn"]


def test_what_does_not_pass_the_users_own_check_never_comes_to_production(make):
    world = make(CHECKED)
    world.aws.answers["trimtab-check-churn"] = lambda _: {"passed": False, "reason": "case 7 answers 500"}
    world.approve(2)
    world.tell(2)
    world.end_rollout(endpoint="churn-staging")
    assert world.handle({})["phase"] == "refused"
    assert [name for name, _ in world.asked()] == ["churn-staging"]
    assert "did not pass trimtab-check-churn on churn-staging: case 7 answers 500" in world.last()["reason"]
    assert world.aws.memory(partition="release")["tried"] == [world.arns[1]]


def test_a_check_that_answers_something_else_is_named_and_asked_again(make):
    world = make(CHECKED)
    world.aws.answers["trimtab-check-churn"] = lambda _: {"ok": True}
    world.approve(2)
    world.tell(2)
    world.end_rollout(endpoint="churn-staging")
    with pytest.raises(app.EndpointsFailedError):
        world.handle({})
    assert [name for name, _ in world.asked()] == ["churn-staging"]


def test_what_does_not_stay_on_staging_never_comes_to_production(make):
    world = make(STAGED)
    world.approve(2)
    world.tell(2)
    world.end_rollout("rolled_back", "churn-staging")
    assert world.handle({})["phase"] == "rolled_back"
    assert world.asked() == [("churn-staging", world.arns[1])]
    assert world.last()["severity"] == "warning"
    assert world.aws.memory(partition="release")["tried"] == [world.arns[1]]


@pytest.mark.parametrize("settings", [SETTINGS, STAGED], ids=["production", "staging first"])
def test_wherever_a_run_dies_each_stage_is_rolled_out_once(make, settings):
    def play(world, kill=None):
        """Approve, be told twice, and let every rollout do well; the run that `kill` names dies."""
        world.approve(2)
        world.aws.calls.clear()
        world.aws.kill = kill
        counts = []
        for endpoint in (None, "churn-staging", "churn"):
            if endpoint and ("change", endpoint) in world.aws.items:
                world.end_rollout(endpoint=endpoint)
            with suppress(Killed):
                world.tell(2) if endpoint is None else world.handle({})
            counts.append(len(world.aws.calls))
            world.aws.kill = None if kill and len(world.aws.calls) > kill[0] else kill
            world.tell(2)  # told again, after what was done is done
            world.handle({})
        return counts

    plain = make(settings)
    calls = play(plain)[-1]
    told = sorted(each["title"] for each in plain.aws.told().values())
    for number in range(calls):
        for when in ("before", "after"):
            world = make(settings)
            with suppress(Killed):
                play(world, (number, when))
            world.aws.kill = None
            world.tell(2)
            for endpoint in ("churn-staging", "churn"):
                if ("change", endpoint) in world.aws.items:
                    world.end_rollout(endpoint=endpoint)
                world.handle({})
            assert world.asked() == plain.asked(), (number, when)
            assert world.current()["phase"] == "released"
            assert sorted(each["title"] for each in world.aws.told().values()) == told


def test_events_that_come_twice_late_and_shuffled_never_bring_an_older_version(make):
    chance = random.Random(6)
    for _ in range(6):
        world = make()
        world.approve(2)
        world.approve(3)
        events = [world.event(version, approval) for version in (1, 2, 3) for approval in ("Approved", "Rejected")] * 3
        chance.shuffle(events)
        for event in events:
            world.handle(event)
        if ("churn", world.arns[1]) in world.asked():  # 2 was told of before 3
            world.end_rollout()
            world.serve(2)
            world.handle({})
        world.end_rollout()
        world.serve(3)
        world.handle({})
        assert world.asked()[-1] == ("churn", world.arns[2])
        assert len(world.asked()) <= 2
        assert world.current()["phase"] == "released"


def test_a_newer_version_waits_for_the_rollout_in_progress(make):
    world = make()
    world.approve(2)
    world.tell(2)
    world.approve(3)
    world.tell(3)
    assert world.asked() == [("churn", world.arns[1])]
    world.end_rollout("rolled_back")
    world.handle({})
    assert world.asked()[-1] == ("churn", world.arns[2])
    assert world.current()["phase"] == "rolling"


@pytest.mark.parametrize("what", ["freeze", "change"])
def test_what_hinders_a_rollout_is_waited_for(make, what):
    world = make()
    world.approve(2)
    parameter = "/trimtab/endpoints/churn"
    if what == "freeze":
        frozen = {"retraining": SETTINGS, "freeze": ["Mon 00:00 - Mon 00:00"]}
        world.aws.parameters[parameter] = json.dumps(frozen)
    else:
        world.put_change("churn", "other", "baking")
    assert "waits" in world.tell(2)
    assert world.asked() == []
    world.aws.parameters[parameter] = json.dumps({"retraining": SETTINGS})
    world.aws.items.pop(("change", "churn"), None)
    assert world.handle({})["phase"] == "rolling"


def test_a_rollout_that_is_refused_ends_the_release_and_is_told(make):
    world = make()
    world.aws.answers["trimtab-start-rollout"] = lambda _: {"phase": "refused", "reason": "the endpoint is Updating"}
    world.approve(2)
    assert world.tell(2)["phase"] == "refused"
    assert "the endpoint is Updating" in world.last()["reason"]


def test_start_rollout_takes_what_it_is_asked_for(make, monkeypatch, context):
    monkeypatch.setenv("JUDGE_CANARY_FUNCTION_NAME", "trimtab-judge-canary")
    world = make()
    world.approve(2)
    world.aws.answers["trimtab-start-rollout"] = lambda document: start_rollout.lambda_handler(document, context)
    assert world.tell(2)["phase"] == "rolling"
    assert world.aws.change()["request"]["model_package"] == world.arns[1]


def test_a_rejected_live_version_goes_back_to_the_newest_approved_once_confirmed(make):
    world = make()
    world.approve(2)
    world.serve(3)
    world.approve(3, "Rejected")
    answer = world.tell(3, "Rejected")
    assert (answer["action"], answer["phase"]) == ("revert", "confirming")
    assert world.last()["severity"] == "critical"
    assert '"command": "confirm"' in world.last()["action"]["outcome"]
    assert world.asked() == []
    assert world.handle({"endpoint": "churn", "command": "confirm", "by": "anna"})["phase"] == "rolling"
    assert world.asked() == [("churn", world.arns[1])]
    assert world.aws.started[-1][1]["by"] == "anna"
    with pytest.raises(app.NothingToConfirmError):
        world.handle({"endpoint": "churn", "command": "confirm", "by": "anna"})


def test_a_confirmation_comes_too_late_when_another_version_serves(make):
    world = make()
    world.approve(2)
    world.serve(3)
    world.approve(3, "Rejected")
    world.tell(3, "Rejected")
    world.serve(2)
    with pytest.raises(app.NothingToConfirmError, match="does not serve any more"):
        world.handle({"endpoint": "churn", "command": "confirm", "by": "anna"})


def test_a_rejected_live_version_without_another_is_told(make):
    world = make()
    world.approve(1, "Rejected")
    assert world.tell(1, "Rejected")["action"] == "nothing_left"
    assert world.last()["severity"] == "critical"


def test_a_version_that_was_rejected_and_approved_again_is_tried_again(make):
    world = make()
    world.approve(2)
    world.tell(2)
    world.end_rollout("rolled_back")
    world.handle({})
    world.approve(2, "Rejected")
    world.tell(2, "Rejected")
    world.approve(2)
    assert world.tell(2)["phase"] == "rolling"
    assert len(world.asked()) == 2


def test_by_default_it_is_only_said(make):
    world = make(SETTINGS | {"mode": "observe"})
    world.approve(2)
    assert world.tell(2)["outcome"] == "would be rolled out on churn"
    assert world.asked() == []
    asked = {"model_package": world.arns[1], "by": "anna"}
    assert world.handle(asked)["phase"] == "rolling"
    world.handle(asked)
    assert len(world.asked()) == 1


def test_an_older_version_only_when_a_person_says_so(make):
    world = make()
    world.serve(3)
    asked = {"endpoint": "churn", "model_package": world.arns[0], "by": "anna"}
    assert world.handle(asked)["action"] == "ignore"
    assert world.handle(asked | {"rollback": True})["phase"] == "rolling"


def test_endpoints_of_other_groups_and_versions_that_are_gone_are_left_alone(make):
    world = make(SETTINGS | {"model_package_group": "other"})
    world.approve(2)
    assert world.tell(2) is None
    assert world.handle({"model_package": "arn:gone", "by": "anna"}) is None


def test_one_release_that_fails_does_not_stop_the_others(make):
    world = make()
    world.approve(2)
    world.tell(2)
    item = json.loads(json.dumps(world.aws.items["release", "churn"])) | {"sk": {"S": "another"}}
    world.aws.items["release", "another"] = item
    world.end_rollout()

    def read(key, get=world.aws.GetItem):
        if key["sk"]["S"] == "another":
            raise error("InternalServerError", "no")
        return get(Key=key)

    world.aws.GetItem = lambda **asked: read(asked["Key"])
    with pytest.raises(app.EndpointsFailedError, match="failed: another; done: churn"):
        world.handle({})


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_understood(make, path):
    world = make()
    event = json.loads(path.read_text())
    if path.stem == "confirmed":
        with pytest.raises(app.NothingToConfirmError):
            world.handle(event)
    else:
        app.lambda_handler(event, world.context)
    assert world.asked() == []


@pytest.mark.parametrize(
    "payload", [{"endpoint": "churn", "command": "confirm"}, {"model_package": "arn"}, {"endpoints": []}]
)
def test_a_payload_that_says_too_little_is_refused(make, payload):
    with pytest.raises(ValueError, match="validation error"):
        make().handle(payload)


def test_changes_end_in_the_phases_that_those_who_make_them_name():
    assert {phase.value for phase in TERMINAL} == OVER
    assert set(application.OVER) == OVER
