import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.check_drift_helped import app
from functions.start_retraining import app as start_app
from tests.unit.functions.aws_in_memory import Killed
from tests.unit.functions.training_world import JOB, drift, install, training_account
from tests.unit.training.builders import dataset, document

EVENTS = Path(__file__).parents[3] / "events" / "check_drift_helped"
BETTER = {"rows": 5000, "only_champion_right": 40, "only_challenger_right": 240}
SAME = {"rows": 5000, "only_champion_right": 40, "only_challenger_right": 44}


class World:
    """An endpoint that serves a version which came of a retraining."""

    def __init__(self, monkeypatch, context, comparison=BETTER):
        self.context = context
        self.aws = install(monkeypatch, training_account(JOB))
        start_app.lambda_handler(drift(), context)
        self.package = self.aws.CreateModelPackage("churn", ModelApprovalStatus="Approved")["ModelPackageArn"]
        self.set(state="registered", package=self.package, record=1, ended=datetime.now(UTC).isoformat())
        self.evaluate(comparison)
        self.serve(self.package)
        self.aws.events.clear()

    def set(self, **values):
        item = self.aws.items["retraining", "churn"]
        content = json.loads(item["content"]["S"])
        content["attempts"][-1] |= values
        item["content"]["S"] = json.dumps(content)

    def evaluate(self, comparison, **changed):
        scores = {"holdout": dataset(), "newest": dataset(comparison=comparison)}
        key = self.aws.memory()["attempts"][-1]["evaluation"].removeprefix("s3://state/")
        self.aws.objects["state", key] = json.dumps(document(datasets=scores, **changed)).encode()

    def serve(self, package):
        self.aws.models["churn-v1"] = {
            "PrimaryContainer": {"ModelPackageName": package}, "ExecutionRoleArn": "r"
        }  # fmt: skip

    def check(self, event=None):
        return app.lambda_handler(event or {}, self.context)["endpoints"].get("churn")

    def findings(self):
        return list(self.aws.told().values())

    def again(self):
        """Another retraining whose version serves now."""
        item = self.aws.items["retraining", "churn"]
        content = json.loads(item["content"]["S"])
        before = content["attempts"][-1]
        package = self.aws.CreateModelPackage("churn", ModelApprovalStatus="Approved")["ModelPackageArn"]
        token = f"{len(content['attempts']):064d}"
        content["attempts"].append(
            before | {"token": token, "state": "registered", "package": package, "released": None, "outcome": None}
        )
        item["content"]["S"] = json.dumps(content)
        self.serve(package)


@pytest.fixture
def make(monkeypatch, context):
    return lambda comparison=BETTER: World(monkeypatch, context, comparison)


def test_a_version_that_answers_better_helped(make):
    world = make()
    answer = world.check({"detail-type": "Canary", "detail": {"endpoint": "churn"}})
    assert (answer["outcome"], answer["in_vain"], answer["stops"]) == ("HELPED", 0, False)
    attempt = world.aws.attempt()
    assert (attempt["state"], attempt["outcome"]) == ("released", "HELPED")
    assert attempt["released"]
    assert world.findings()[-1]["state"] == "cleared"
    assert world.check() is None
    assert len(world.findings()) == 1


def test_two_in_a_row_that_did_not_help_stop_it_and_say_so(make):
    world = make(SAME)
    assert world.check()["stops"] is False
    assert world.findings()[-1]["severity"] == "warning"
    world.again()
    answer = world.check()
    assert (answer["outcome"], answer["in_vain"], answer["stops"]) == ("NOT_HELPED", 2, True)
    assert world.findings()[-1]["severity"] == "critical"
    assert "no further one is started by itself" in world.findings()[-1]["reason"]
    later = drift(evidence=drift()["detail"]["evidence"] | {"window": {"end": "2026-12-20T08:00:00Z"}})
    start_app.lambda_handler(later, world.context)
    assert "in_vain" in world.findings()[-1]["evidence"]["refused"]


@pytest.mark.parametrize("comparison", [None, {**SAME, "rows": 100}], ids=["none", "few rows"])
def test_too_little_is_waited_for_and_told_at_last(make, comparison):
    world = make(comparison)
    assert world.check()["outcome"] == "INSUFFICIENT_DATA"
    assert world.findings() == []
    world.set(released=(datetime.now(UTC) - timedelta(days=15)).isoformat())
    assert world.check()["outcome"] == "INSUFFICIENT_DATA"
    assert len(world.findings()) == 1
    assert world.check() is None


def test_labels_of_the_time_after_prevail(make):
    world = make(SAME)
    world.check()
    told = {"endpoint": "churn", "before": {"correct": 870, "rows": 1000}, "after": {"correct": 930, "rows": 1000}}
    assert world.check(told)["outcome"] == "HELPED"
    assert world.aws.attempt()["outcome"] == "HELPED"


@pytest.mark.parametrize(("upper", "outcome"), [(0.95, "HELPED"), (1.01, "NOT_HELPED")])
def test_regression_is_judged_by_its_error(make, upper, outcome):
    world = make()
    world.evaluate({"rows": 5000, "rmse_ratio": {"value": 0.9, "upper": upper}}, problem="regression")
    assert world.check()["outcome"] == outcome


def test_what_does_not_serve_or_is_still_on_trial_is_not_judged(make):
    world = make()
    world.serve("arn:other")
    assert world.check() is None
    world.serve(world.package)
    content = json.dumps({"kind": "rollout", "id": "1", "phase": "baking"})
    world.aws.items["change", "churn"] = {"content": {"S": content}, "version": {"N": "1"}}
    assert world.check() is None
    assert world.aws.attempt()["state"] == "registered"


def test_wherever_a_run_dies_it_is_judged_and_told_once(make):
    plain = make()
    plain.aws.calls.clear()
    plain.check()
    for number in range(len(plain.aws.calls)):
        for when in ("before", "after"):
            world = make()
            world.aws.calls.clear()
            world.aws.kill = (number, when)
            with suppress(Killed):
                world.check()
            world.aws.kill = None
            world.check()
            world.check()
            assert world.aws.attempt()["outcome"] == "HELPED"
            assert len(world.findings()) == 1


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_understood(make, path):
    assert make().check(json.loads(path.read_text()))["outcome"] == "HELPED"


@pytest.mark.parametrize(
    "payload",
    [
        {"endpoint": "churn", "before": {"correct": 1, "rows": 2}},
        {"before": {"correct": 1, "rows": 2}, "after": {"correct": 1, "rows": 2}},
        {"endpoint": "churn", "before": {"correct": 3, "rows": 2}, "after": {"correct": 1, "rows": 2}},
    ],
)
def test_a_payload_that_cannot_be_is_refused(make, payload):
    with pytest.raises(ValueError, match="validation error"):
        make().check(payload)


def test_one_endpoint_that_fails_does_not_stop_the_others(make):
    world = make()
    item = json.loads(json.dumps(world.aws.items["retraining", "churn"])) | {"sk": {"S": "another"}}
    content = json.loads(item["content"]["S"])
    content["attempts"][0] |= {
        "state": "released",
        "released": datetime.now(UTC).isoformat(),
        "evaluation": "s3://x/\0",
    }
    item["content"]["S"] = json.dumps(content)
    world.aws.items["retraining", "another"] = item
    get = world.aws.GetObject
    world.aws.GetObject = lambda Bucket, Key: 1 / 0 if Bucket == "x" else get(Bucket, Key)  # noqa: N803
    with pytest.raises(app.EndpointsFailedError, match="failed: another; done: churn"):
        world.check()
