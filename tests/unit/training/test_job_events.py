"""State changes in every shape. The shapes are those of SageMaker's developer guide, with names of our own."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import ARN, GROUP, HOUR, NOW, package
from trimtab.training.job_changes import JobChange, filled_in, latest, log_link, newest, supersedes
from trimtab.training.job_events import (
    NotAJobEventError,
    changes,
    moment,
    package_described,
    pipeline_described,
    told_jobs,
    training_job_described,
)

AT = datetime(2026, 11, 20, 8, 0, 0, 123000, UTC)
MILLISECONDS = str(int(AT.timestamp() * 1000))
PIPELINE_ARN = f"{ARN}pipeline/churn-retraining"
EXECUTION_ARN = f"{PIPELINE_ARN}/execution/p4jn9xou8a8s"


def event(kind, detail, **changed):
    return {
        "version": "0",
        "id": "844e2571-85d4-695f-b930-0153b71dcb42",
        "detail-type": kind,
        "source": "aws.sagemaker",
        "account": "123456789012",
        "time": "2026-11-20T08:00:05Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
        **changed,
    }


def training(**changed):
    detail = {
        "TrainingJobName": "churn-1",
        "TrainingJobArn": f"{ARN}training-job/churn-1",
        "TrainingJobStatus": "Stopped",
        "SecondaryStatus": "MaxWaitTimeExceeded",
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 20},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        "CreationTime": MILLISECONDS,
        "TrainingStartTime": MILLISECONDS,
        "TrainingEndTime": MILLISECONDS,
        "LastModifiedTime": MILLISECONDS,
        "SecondaryStatusTransitions": [],
        "Tags": {},
        **changed,
    }
    return event("SageMaker Training Job State Change", detail)


def pipeline(**changed):
    detail = {
        "pipelineExecutionDisplayName": "one",
        "currentPipelineExecutionStatus": "Succeeded",
        "previousPipelineExecutionStatus": "Executing",
        "executionStartTime": "2026-11-20T07:53:00Z",
        "executionEndTime": "2026-11-20T08:00:04Z",
        "pipelineArn": PIPELINE_ARN,
        "pipelineExecutionArn": EXECUTION_ARN,
        **changed,
    }
    return event("SageMaker Model Building Pipeline Execution Status Change", detail)


def step(**changed):
    detail = {
        "metadata": {"trainingJob": {"arn": f"{ARN}training-job/pipelines-p4jn-train"}},
        "stepStartTime": "2026-11-20T07:54:00Z",
        "stepEndTime": "2026-11-20T07:59:00Z",
        "stepName": "Train",
        "stepType": "Training",
        "previousStepStatus": "Executing",
        "currentStepStatus": "Failed",
        "failureReason": "ClientError: no data",
        "pipelineArn": PIPELINE_ARN,
        "pipelineExecutionArn": EXECUTION_ARN,
        **changed,
    }
    return event("SageMaker Model Building Pipeline Execution Step Status Change", detail)


def registered(**changed):
    detail = {
        "ModelPackageGroupName": GROUP,
        "ModelPackageVersion": 2,
        "ModelPackageArn": f"{ARN}model-package/{GROUP}/2",
        "CreationTime": "2026-11-20T07:00:00Z",
        "InferenceSpecification": {
            "Containers": [{"Image": "x/churn:1", "ImageDigest": "sha256:aa", "ModelDataUrl": "s3://models/m.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
        },
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
        "LastModifiedTime": "2026-11-20T08:00:00Z",
        **changed,
    }
    return event("SageMaker Model Package State Change", detail, source=["aws.sagemaker"])


def only(told):
    [change] = changes(told)
    return change


def test_a_training_job_tells_times_as_milliseconds_in_texts():
    job = only(training())
    assert (job.kind, job.name, job.status, job.secondary) == (
        "training_job",
        "churn-1",
        "Stopped",
        "MaxWaitTimeExceeded",
    )
    assert job.at == job.started == job.ended == AT
    assert (job.instance_type, job.instance_count, job.is_spot, job.max_wait_seconds) == ("ml.m5.xlarge", 2, True, 120)
    assert job.is_final
    assert not job.has_succeeded


def test_a_failed_job_tells_why_and_what_was_billed():
    job = only(
        training(
            TrainingJobStatus="Failed",
            FailureReason="AlgorithmError",
            TrainingTimeInSeconds=500,
            BillableTimeInSeconds="100",
            EnableManagedSpotTraining=False,
            ModelArtifacts={"S3ModelArtifacts": "s3://m"},
            Environment={"TRIMTAB_START_TOKEN": "t"},
        )
    )
    assert (job.failure, job.training_seconds, job.billable_seconds, job.is_spot) == ("AlgorithmError", 500, 100, False)
    assert (job.artifact, dict(job.environment)) == ("s3://m", {"TRIMTAB_START_TOKEN": "t"})


def test_what_is_no_number_is_not_known():
    assert only(training(BillableTimeInSeconds="?")).billable_seconds is None


def test_without_a_time_of_its_own_a_change_has_that_of_its_event():
    assert only(training(LastModifiedTime=None, TrainingEndTime="")).at == datetime(2026, 11, 20, 8, 0, 5, tzinfo=UTC)
    assert only(step(stepEndTime=None) | {"time": ""}).at == datetime(2026, 11, 20, 7, 54, tzinfo=UTC)
    assert only(pipeline() | {"time": ""}).at == datetime(2026, 11, 20, 8, 0, 4, tzinfo=UTC)


def test_an_execution_and_its_steps_are_read_in_lower_case():
    execution = only(pipeline())
    assert (execution.arn, execution.name, execution.previous) == (EXECUTION_ARN, "churn-retraining", "Executing")
    assert execution.has_succeeded
    failed = only(step())
    assert (failed.arn, failed.failure) == (f"{EXECUTION_ARN}#Train", "ClientError: no data")
    assert failed.child == f"{ARN}training-job/pipelines-p4jn-train"


def test_a_version_is_read_with_its_image_by_digest():
    version = only(registered())
    assert (version.group, version.version, version.approval) == (GROUP, 2, "Approved")
    assert (version.image, version.model_data) == ("x/churn:1@sha256:aa", "s3://models/m.tar.gz")


@pytest.mark.parametrize("made", [training, pipeline, step, registered])
def test_an_event_is_the_same_however_it_is_delivered(made):
    told = made()
    text = json.dumps(told)
    sns = {"Type": "Notification", "Message": text}
    assert changes({"Records": [{"body": text}]}) == changes(told)
    assert changes({"Records": [{"Sns": sns}, {"body": json.dumps(sns)}]}) == changes(told) * 2


def test_what_an_event_tells_of_jobs_is_known_by_their_arns():
    text = [{"body": json.dumps(each)} for each in (training(), pipeline(), registered())]
    told = told_jobs({"Records": text})
    assert told == {each.arn: each for each in (only(training()), only(pipeline()))}
    assert told_jobs(registered()) == {}


@pytest.mark.parametrize("told", [{}, {"endpoint": "churn"}, {"detail-type": "Scheduled Event", "detail": {}}])
def test_the_schedule_and_requests_tell_of_no_jobs(told):
    assert told_jobs(told) is None


def test_described_jobs_are_read_as_their_events():
    detail = training()["detail"]
    described = {**detail, **{key: AT for key in detail if key.endswith("Time")}}
    assert training_job_described(described) == only(training())
    times = {"CreationTime": datetime(2026, 11, 20, 7, tzinfo=UTC), "LastModifiedTime": NOW}
    assert package_described({**registered()["detail"], **times}) == only(registered())
    execution = pipeline_described(
        {
            "PipelineArn": PIPELINE_ARN,
            "PipelineExecutionArn": EXECUTION_ARN,
            "PipelineExecutionStatus": "Failed",
            "FailureReason": "Step failure",
            "CreationTime": NOW - HOUR,
            "LastModifiedTime": NOW,
        }
    )
    assert (execution.status, execution.failure, execution.ended) == ("Failed", "Step failure", NOW)


@pytest.mark.parametrize("name", ["training_job", "pipeline_execution", "pipeline_step", "model_package"])
def test_the_samples_of_the_developer_guide_are_read(shared, name):
    path = shared / "data" / "events" / "sagemaker-docs" / f"{name}_state_change_1.json"
    change = only(json.loads(path.read_text()))
    assert change.is_final
    assert change.arn.startswith("arn:aws:sagemaker:")
    assert change.at.year in {2020, 2021}


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({}, "detail"),
        (event("Scheduled Event", {}), "Scheduled Event"),
        (training(TrainingJobName=""), "detail.TrainingJobName"),
        (training(LastModifiedTime="yesterday"), "detail.LastModifiedTime"),
        (step(stepEndTime=[]), "detail.stepEndTime"),
        (pipeline(executionStartTime=None, executionEndTime=None) | {"time": ""}, "detail.executionStartTime"),
        (pipeline(pipelineExecutionArn=None), "detail.pipelineExecutionArn"),
        (step(stepName=3), "detail.stepName"),
        (registered(ModelPackageArn=None), "detail.ModelPackageArn"),
        ({"Records": [{}]}, r"Records\[0\]"),
        ({"Records": [{"body": "no"}]}, r"Records\[0\] is no JSON"),
        ({"Records": [{"body": "[]"}]}, r"Records\[0\] is no event"),
    ],
)
def test_what_is_no_state_change_is_refused_by_name(told, named):
    with pytest.raises(NotAJobEventError, match=named):
        changes(told)


@pytest.mark.parametrize(
    "value", [MILLISECONDS, float(MILLISECONDS), "2026-11-20T08:00:00.123Z", "2026-11-20T09:00:00.123+0100", AT]
)
def test_a_moment_is_the_same_in_every_spelling(value):
    assert moment(value) == AT


@pytest.mark.parametrize("value", [None, True, "", "soon", 1e30, {}])
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(ValueError, match=r"no time|Invalid"):
        moment(value)


STATUSES = ["InProgress", "Stopping", "Completed", "Failed", "Stopped"]
states = st.builds(
    JobChange,
    kind=st.just("training_job"),
    arn=st.sampled_from(["a", "b"]),
    name=st.just("churn-1"),
    status=st.sampled_from(STATUSES),
    at=st.integers(0, 3).map(lambda hours: NOW + hours * HOUR),
    secondary=st.sampled_from(["", "Training", "MaxWaitTimeExceeded"]),
    billable_seconds=st.sampled_from([None, 10.0]),
)


@given(st.lists(states, min_size=1, max_size=8), st.randoms(use_true_random=False), st.data())
def test_order_and_duplicates_do_not_matter(told, shuffle, data):
    again = told + data.draw(st.lists(st.sampled_from(told), max_size=8))
    shuffle.shuffle(again)
    assert newest(again) == newest(told)


@given(st.lists(states, min_size=1, max_size=8))
def test_an_end_is_never_undone(told):
    for arn, change in newest(told).items():
        assert change.is_final == any(each.is_final for each in told if each.arn == arn)


def test_a_late_progress_report_does_not_restart_a_job():
    done, late = only(training(TrainingJobStatus="Completed")), only(training(TrainingJobStatus="InProgress"))
    assert not supersedes(late, done)
    assert supersedes(done, late)
    assert not supersedes(done, done)


@given(states, states)
def test_what_one_telling_leaves_out_another_of_the_same_state_fills_in(told, other):
    filled = filled_in(told, other)
    assert filled.billable_seconds == (
        told.billable_seconds
        or (other.billable_seconds if (told.arn, told.status) == (other.arn, other.status) else None)
    )
    assert (filled.status, filled.at) == (told.status, told.at)


@given(states, st.lists(states, max_size=3))
def test_of_what_describe_and_events_say_the_latest_holds(described, events):
    told = {each.arn: each for each in events}
    found = latest(described, told)
    known = [described, *([told[described.arn]] if described.arn in told else [])]
    assert (found.arn, found.status, found.at) == (
        described.arn, newest(known)[described.arn].status, newest(known)[described.arn].at,
    )  # fmt: skip
    assert found.billable_seconds or not (described.billable_seconds and found.status == described.status)


def test_an_approval_may_change_after_the_version_is_made():
    assert supersedes(package(2, "Rejected", at=NOW + timedelta(days=1)), package(2, at=NOW))
    assert not supersedes(package(2, at=NOW), package(2, "Rejected", at=NOW + timedelta(days=1)))


def test_a_job_has_a_link_to_its_logs():
    link = log_link("eu-west-1", "churn-1")
    assert link.startswith("https://eu-west-1.console.aws.amazon.com/cloudwatch/")
    assert "$252Faws$252Fsagemaker$252FTrainingJobs" in link
    assert "churn-1" in link
