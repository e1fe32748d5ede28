"""Write the version record of a model that passed the gate, register the model, and print the new version's ARN.

    python -m model.register --group churn --gate build/gate.json --evaluation build/evaluation.json
        --model build/model.tar.gz --models s3://models/churn --state-bucket trimtab-state --image …@sha256:…
        --data-version dvc:3f2a9c --commit 8f3e1c0

The same model again, by its commit, is registered once.
"""

import argparse
import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from trimtab.aws import s3
from trimtab.aws.model_registry import register_version
from trimtab.aws.version_records import create_record, read_record, record_versions
from trimtab.training.evaluation import parse_evaluation
from trimtab.training.lineage import metrics_of
from trimtab.training.model_card import CardFacts, package_card_content
from trimtab.training.registration import model_package_request
from trimtab.training.version_record import Environment, VersionRecord, next_record_place, parse_record


def main():
    """Print the ARN; 1 when the gate was not passed."""
    options = arguments()
    gate = json.loads(Path(options.gate).read_text())
    if not gate["passed"]:
        sys.stderr.write("the gate was not passed: nothing is registered\n")
        return 1
    text = Path(options.evaluation).read_bytes()
    folder = f"{options.models}/{options.commit}"
    model_data, evaluation = upload(options.model, folder), upload(options.evaluation, folder)
    record = recorded(options, gate, parse_evaluation(text), model_data)
    request = model_package_request(
        record,
        record_uri=f"s3://{options.state_bucket}/{record.key}",
        evaluation_uri=evaluation,
        evaluation_sha256=hashlib.sha256(text).hexdigest(),
        card=package_card_content(record, CardFacts(problem=gate["problem"], creator="CI")),
        approval="PendingManualApproval",
    )
    sys.stdout.write(f"{register_version(request)}\n")
    return 0


def recorded(options, gate, evaluation, model_data):
    """The record of this commit: the one that is there, or a new one at the end of the chain."""
    bucket, group = options.state_bucket, options.group
    while True:
        present = {version: read_record(bucket, group, version) for version in record_versions(bucket, group)}
        for stored in present.values():
            if parse_record(stored).model_data == model_data:
                return parse_record(stored)
        version, previous = next_record_place(present)
        record = VersionRecord(
            group=group,
            version=version,
            previous_sha256=previous,
            model_id=f"{group}-{options.commit}",
            model_data=model_data,
            training_data_version=options.data_version,
            code_commit=options.commit,
            environment=Environment(image=options.image),
            metrics=metrics_of(evaluation),
            gates=tuple(gate["gates"]),
            gates_passed=True,
            created=datetime.now(UTC),
        )
        if create_record(bucket, record):  # False: another run was faster
            return record


def upload(path, folder):
    """The S3 address of a file, once it is there."""
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    s3.write_object(bucket, f"{prefix}/{Path(path).name}", Path(path).read_bytes(), "application/octet-stream")
    return f"{folder}/{Path(path).name}"


def arguments():
    """The options, all of them needed."""
    parser = argparse.ArgumentParser(description="Registers a model that passed the gate.")
    for name in ("group", "gate", "evaluation", "model", "models", "state-bucket", "image", "data-version", "commit"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
