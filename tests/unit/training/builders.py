"""Situations, evaluations, events and records for the tests of training."""

from datetime import UTC, datetime, timedelta

from trimtab.training.evaluation import evaluation_of
from trimtab.training.guards import Situation
from trimtab.training.job_changes import PackageChange
from trimtab.training.trigger import Trigger
from trimtab.training.version_record import Environment, VersionRecord, record_sha256

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GROUP = "churn"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:"


def trigger(**changed):
    values = {
        "endpoint": "churn",
        "variant": "AllTraffic",
        "kind": "drift",
        "state": "raised",
        "severity": "critical",
        "window_end": "2026-11-20T08:00:00Z",
        "reason": "3 of 9 columns moved",
        "moved": ("age",),
    }
    return Trigger(**{**values, **changed})


def situation(**changed):
    values = {
        "trigger": trigger(),
        "now": NOW,
        "new_rows": 5000,
        "rows_per_class": {"0": 4000, "1": 1000},
        "cost_usd": 2.0,
        "spent_usd": 10.0,
    }
    return Situation(**{**values, **changed})


def dataset(**changed):
    return {
        "rows": 5000,
        "correct": 4560,
        "calibration_error": 0.02,
        "not_finite": 0,
        "comparison": {"rows": 5000, "only_champion_right": 40, "only_challenger_right": 30},
        "slices": {"region=eu": {"rows": 2000, "correct": 1820}, "region=us": {"rows": 3000, "correct": 2740}},
        **changed,
    }


def document(**changed):
    """An evaluation that passes every gate by default thresholds."""
    odd = {"sent": 5, "failed": 0}
    return {
        "version": 1,
        "problem": "binary_classification",
        "model": "churn-7",
        "champion": "churn-6",
        "datasets": {"holdout": dataset(), "newest": dataset()},
        "service": {"requests": 1000, "p95_ms": 40, "champion_p95_ms": 38, "memory_share": 0.5, "artifact_mb": 12},
        "robustness": {
            "noise": {"rows": 1000, "changed": 10},
            "missing": {"rows": 1000, "changed": 30},
            "unseen_category": {"rows": 1000, "changed": 20},
            "empty": odd,
            "malformed": odd,
            "extreme": odd,
            "unicode": odd,
        },
        "data": {
            "rows": 40_000,
            "champion_rows": 50_000,
            "label_rates": {"0": 0.8, "1": 0.2},
            "champion_label_rates": {"0": 0.801, "1": 0.199},
            "leaked_rows": 0,
            "max_psi": 0.04,
        },
        **changed,
    }


def evaluation(**changed):
    return evaluation_of(document(**changed))


def record(version=1, previous=None, **changed):
    values = {
        "group": GROUP,
        "version": version,
        "previous_sha256": None if previous is None else record_sha256(previous),
        "parent_version": None if previous is None else previous.version,
        "model_id": f"{ARN}training-job/churn-{version}",
        "model_data": f"s3://models/churn/{version}/model.tar.gz",
        "training_data_version": "dvc:3f2a",
        "training_data": ("s3://data/churn/train/",),
        "training_job": f"{ARN}training-job/churn-{version}",
        "code_commit": "8f3e1c0",
        "repository": "https://example.com/churn.git",
        "environment": Environment(image=f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/churn@sha256:{'a' * 64}"),
        "hyperparameters": {"max_depth": "6", "eta": "0.1"},
        "metrics": {"accuracy": 0.912, "auc": 0.95},
        "gates": (
            {
                "gate": "accuracy",
                "dataset": "holdout",
                "metric": "accuracy",
                "value": 0.912,
                "ci": [0.905, None],
                "threshold": 0.9,
                "outcome": "PASSED",
                "passed": True,
                "reason": "accuracy is 0.9120, at least 0.9052; 0.9 is asked for",
            },
            {
                "gate": "latency",
                "dataset": "",
                "metric": "p95 in ms",
                "value": None,
                "ci": None,
                "threshold": None,
                "outcome": "INSUFFICIENT_DATA",
                "passed": False,
                "reason": "latency was not measured",
            },
        ),
        "gates_passed": True,
        "drift_report": "s3://state/reports/churn/w/drift.html",
        "created": NOW + version * DAY,
    }
    return VersionRecord(**{**values, **changed})


def package(version, approval="Approved", **changed):
    values = {
        "arn": f"{ARN}model-package/{GROUP}/{version}",
        "group": GROUP,
        "version": version,
        "status": "Completed",
        "approval": approval,
        "at": NOW + version * HOUR,
    }
    return PackageChange(**{**values, **changed})
