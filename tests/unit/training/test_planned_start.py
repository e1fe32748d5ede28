from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import HOUR, NOW, trigger
from tests.unit.training.test_attempts import attempt
from tests.unit.training.test_start import JOB
from trimtab.training.attempts import Retrainings
from trimtab.training.data_document import DataDocument
from trimtab.training.guards import StartAction, decide_start
from trimtab.training.planned_start import PlannedStart, planned_attempt, situation_of
from trimtab.training.settings import GuardSettings, RetrainingSettings, SpotSettings
from trimtab.training.start import StartError, start_token

PIPELINE = RetrainingSettings(pipeline="churn-training", model_package_group="churn", instance_count=2)
OWN_JOB = RetrainingSettings(training_job=JOB, spot=SpotSettings(checkpoints=True))
DATA = DataDocument(new_rows=5000, rows_per_class={"0": 4000, "1": 1000}, data_version="dvc:3f2a")
DECLARED = {"Endpoint", "Evaluation", "ParentModel", "TrainingDataVersion"}


def start(settings=PIPELINE, **changed):
    values = {
        "trigger": trigger(),
        "settings": settings,
        "memory": Retrainings(),
        "data": DATA,
        "parent": "arn:p/6",
        "usd_per_hour": 0.23,
    }
    return PlannedStart(**values | changed)


def situation(of, **changed):
    told = {"running": (), "change": "", "released": None, "predictions_per_month": None}
    return situation_of(of, NOW, **told | changed)


def planned(of, declared=DECLARED, by=""):
    token = start_token(of.settings.target, "churn", of.trigger.window_end, of.trigger.kind)
    decision = decide_start(situation(of), token, GuardSettings())
    assert decision.action is StartAction.START
    return planned_attempt(of, decision, bucket="state", declared=declared, by=by, now=NOW)


def test_a_pipeline_is_called_with_what_it_declares_and_the_attempt_remembers_it_all():
    attempt = planned(start(), by="anna")
    token = attempt.token
    evaluation = f"s3://state/evaluations/churn/{token[:20]}.json"
    assert attempt.request == {
        "PipelineName": "churn-training",
        "PipelineExecutionDisplayName": f"trimtab-{token[:20]}",
        "PipelineParameters": [
            {"Name": "Endpoint", "Value": "churn"},
            {"Name": "Evaluation", "Value": evaluation},
            {"Name": "ParentModel", "Value": "arn:p/6"},
            {"Name": "TrainingDataVersion", "Value": "dvc:3f2a"},
        ],
        "ClientRequestToken": token,
    }
    assert (attempt.kind, attempt.target, attempt.state, attempt.at) == ("pipeline", "churn-training", "intended", NOW)
    assert (attempt.evaluation, attempt.parent, attempt.by) == (evaluation, "arn:p/6", "anna")
    assert (attempt.instance_type, attempt.instances, attempt.data_version) == ("ml.m5.xlarge", 2, "dvc:3f2a")
    assert attempt.cost_usd == pytest.approx(2 * 0.23)  # an hour, for no past training is known
    assert len(attempt.verdicts) == 7


def test_a_training_job_is_called_with_its_limits_and_checkpoints_of_its_data():
    attempt = planned(start(OWN_JOB), declared=None)
    request = attempt.request
    assert (attempt.kind, attempt.target) == ("training_job", request["TrainingJobName"])
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert request["Environment"]["TRIMTAB_EVALUATION"] == attempt.evaluation
    other = planned(start(OWN_JOB, data=DATA.model_copy(update={"data_version": "dvc:4"})), declared=None)
    uris = {each.request["CheckpointConfig"]["S3Uri"] for each in (attempt, other)}
    assert len(uris) == 2
    assert all(uri.startswith("s3://state/checkpoints/churn/") for uri in uris)
    without = OWN_JOB.model_copy(update={"spot": SpotSettings()})
    assert "CheckpointConfig" not in planned(start(without), declared=None).request


@pytest.mark.parametrize("prefix", ["s3://own/evaluations", "s3://own/evaluations/"])
def test_evaluations_may_lie_elsewhere(prefix):
    settings = PIPELINE.model_copy(update={"evaluations": prefix})
    assert planned(start(settings)).evaluation.startswith("s3://own/evaluations/")
    assert "//" not in planned(start(settings)).evaluation.removeprefix("s3://")


def test_what_sagemaker_would_refuse_is_refused_by_name():
    with pytest.raises(StartError, match="DriftReport"):
        planned(start(trigger=trigger(report="s3://" + "x" * 2000)), declared=None)


def test_past_trainings_tell_the_limits_and_the_cost():
    past = attempt(1, training_seconds=1000.0, billable_seconds=360.0, record=1, state="registered")
    of = start(memory=Retrainings(attempts=(past,)))
    assert of.limits.max_run == 1500
    assert of.cost_usd == pytest.approx(2 * 0.23 * 0.1)
    assert replace(of, usd_per_hour=None).cost_usd is None


def test_what_is_not_told_is_unknown_to_the_guards():
    found = situation(start(data=None, usd_per_hour=None), running=None)
    assert (found.new_rows, found.rows_per_class, found.cost_usd, found.running) == (None, None, None, None)
    assert situation(start()).new_rows == 5000


def test_open_trainings_and_changes_lock_an_endpoint():
    memory = Retrainings(attempts=(attempt(1, target="churn-1"), attempt(2, state="failed")))
    assert situation(start(memory=memory), change="rollout 1f2e").locks == ("training churn-1", "rollout 1f2e")
    assert situation(start()).locks == ()


@given(st.none() | st.integers(0, 90), st.none() | st.integers(0, 90))
def test_the_last_release_is_the_later_of_those_known(ours, told):
    moments = [None if hours is None else NOW - hours * HOUR for hours in (ours, told)]
    memory = Retrainings(attempts=(attempt(released=moments[0]),))
    found = situation(start(memory=memory), released=moments[1]).last_release
    assert found == max((each for each in moments if each), default=None)
