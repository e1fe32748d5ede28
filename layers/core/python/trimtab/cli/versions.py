"""`trimtab versions`: the records of a model's versions, and whether their chain is whole."""

import argparse
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trimtab.cli.options import InputError
from trimtab.cli.output import aligned, count, print_json, tell
from trimtab.cli.tracking import log_to_mlflow, log_to_wandb, run_of
from trimtab.training.registration import registered_hashes
from trimtab.training.version_record import (
    ChainFault,
    VersionRecord,
    VersionRecordError,
    parse_record,
    record_key,
    timestamp,
    verify_chain,
)

BROKEN = 3


def add_versions_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "versions",
        help="the records of a model's versions, and whether they are whole",
        description="Reads the records of a group of the model registry, in the deployed stack's state bucket unless "
        "told otherwise.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = _action(actions, "list", "one line for each version", run_list)
    showing = _action(actions, "show", "one record, as JSON", run_show)
    showing.add_argument("version", type=int, metavar="VERSION")
    logging = _action(actions, "log", "log one version to MLflow or Weights & Biases", run_log)
    logging.add_argument("version", type=int, metavar="VERSION")
    tracker = logging.add_mutually_exclusive_group(required=True)
    tracker.add_argument("--mlflow", metavar="URI", help="a tracking server, or the ARN of a SageMaker MLflow server")
    tracker.add_argument("--wandb", metavar="[ENTITY/]PROJECT", help="a project of Weights & Biases")
    logging.add_argument("--experiment", metavar="NAME", help="MLflow's experiment (default: the group)")
    verifying = _action(
        actions, "verify", "whether the chain is whole. Exit code: 0 it is, 3 it is not, 2 bad input", run_verify
    )
    verifying.add_argument("--registry", action="store_true", help="compare with the hashes in the model registry too")
    for each in (listing, verifying):
        each.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def run_list(arguments: argparse.Namespace) -> int:
    """Print all versions; the exit code. Raises InputError."""
    group, records = arguments.group, _records(arguments)
    shown = [_summary(version, stored) for version, stored in sorted(records.items())]
    if arguments.json:
        print_json({"group": group, "versions": shown})
        return 0
    header = ("version", "model", "created", "data", "commit", "parent", "gates", "sha256")
    for line in aligned(header, [_row(each) for each in shown]):
        tell(line)
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Print one record with its hash; the exit code. Raises InputError."""
    record, sha256 = _one_record(arguments)
    print_json({"sha256": sha256, "record": record.model_dump(mode="json")})
    return 0


def run_log(arguments: argparse.Namespace) -> int:
    """Log one record as a run of an experiment tracker; the exit code. Raises InputError."""
    run = run_of(*_one_record(arguments))
    if arguments.mlflow:
        logged = log_to_mlflow(run, arguments.mlflow, arguments.experiment or arguments.group)
    else:
        entity, _, project = arguments.wandb.rpartition("/")
        logged = log_to_wandb(run, project, entity or None)
    tell(f"{run.name} is run {logged}")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Print what is wrong with the chain; the exit code. Raises InputError."""
    group = arguments.group
    registered = _registered(group) if arguments.registry else {}
    records = _records(arguments, may_be_none=bool(registered))
    faults = verify_chain(group, records, registered)
    if arguments.json:
        print_json(chain_document(group, records, registered, faults))
    else:
        for line in _chain_lines(group, records, registered if arguments.registry else None, faults):
            tell(line)
    return BROKEN if faults else 0


def chain_document(
    group: str, records: Mapping[int, bytes], registered: Mapping[int, str], faults: tuple[ChainFault, ...]
) -> dict[str, Any]:
    """The result as plain JSON values."""
    return {
        "group": group,
        "whole": not faults,
        "records": len(records),
        "registered": len(registered),
        "last_sha256": _sha256(records[max(records)]) if records else None,
        "faults": [{"version": each.version, "problem": each.problem} for each in faults],
    }


def folder_records(folder: str, group: str) -> dict[int, bytes]:
    """The records of a group in a copy of the state bucket, by their versions."""
    return {
        int(path.stem): path.read_bytes()
        for path in (Path(folder) / "versions" / group).glob("*.json")
        if path.stem.isdecimal()
    }


def bucket_records(bucket: str, group: str) -> dict[int, bytes]:
    """The records of a group in a state bucket, by their versions. Raises botocore's errors."""
    # here and not above: only who reads from S3 needs boto3
    from trimtab.aws.version_records import read_record, record_versions

    return {version: read_record(bucket, group, version) for version in record_versions(bucket, group)}


def _action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("group", metavar="GROUP", help="the model package group")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--bucket", metavar="NAME", help="the state bucket")
    place.add_argument("--folder", metavar="DIR", help="a copy of the state bucket, with versions/GROUP/ in it")
    place.add_argument("--stack", default="trimtab", help="the deployed stack (default: %(default)s)")
    parser.set_defaults(run=run)
    return parser


def _records(arguments: argparse.Namespace, *, may_be_none: bool = False) -> dict[int, bytes]:
    group = arguments.group
    if arguments.folder is not None:
        place, records = arguments.folder, folder_records(arguments.folder, group)
    else:
        place, records = _from_aws(arguments, group)
    if not records and not may_be_none:
        raise InputError(f"{place}: no record in versions/{group}/")
    return records


def _one_record(arguments: argparse.Namespace) -> tuple[VersionRecord, str]:
    """The record that is asked for, and its hash."""
    group, version, records = arguments.group, arguments.version, _records(arguments)
    if version not in records:
        raise InputError(f"{record_key(group, version)}: there is no such record, only {_span(records)}")
    try:
        return parse_record(records[version]), _sha256(records[version])
    except VersionRecordError as error:
        raise InputError(f"{record_key(group, version)}: {error}") from error


def _from_aws(arguments: argparse.Namespace, group: str) -> tuple[str, dict[int, bytes]]:
    from botocore.exceptions import BotoCoreError, ClientError

    from trimtab.aws.cloud_formation import NoOutputError, stack_output
    from trimtab.aws.s3 import ObjectNotFoundError

    try:
        bucket = arguments.bucket or stack_output(arguments.stack, "StateBucketName")
        return f"s3://{bucket}", bucket_records(bucket, group)
    except (BotoCoreError, ClientError, NoOutputError, ObjectNotFoundError) as error:
        raise InputError(f"versions of {group}: {error}") from error


def _registered(group: str) -> dict[int, str]:
    from botocore.exceptions import BotoCoreError, ClientError

    from trimtab.aws.model_registry import describe_version, versions
    from trimtab.aws.refusals import RefusedError

    try:
        described = [describe_version(each["ModelPackageArn"]) for each in versions(group)]
    except (BotoCoreError, ClientError, RefusedError) as error:
        raise InputError(f"model registry, {group}: {error}") from error
    return registered_hashes([each for each in described if each])


def _summary(version: int, stored: bytes) -> dict[str, Any]:
    try:
        record = parse_record(stored)
    except VersionRecordError as error:
        return {"version": version, "sha256": _sha256(stored), "problem": str(error)}
    return {"version": version, "sha256": _sha256(stored), "problem": "", **_told(record)}


def _told(record: VersionRecord) -> dict[str, Any]:
    return {
        "model_id": record.model_id,
        "created": timestamp(record.created),
        "training_data_version": record.training_data_version,
        "code_commit": record.code_commit,
        "parent_version": record.parent_version,
        "gates_passed": record.gates_passed,
        "metrics": dict(record.metrics),
    }


def _row(told: Mapping[str, Any]) -> tuple[str, ...]:
    number, digest = f"{told['version']}", told["sha256"][:12]
    if told["problem"]:
        return number, f"unreadable: {told['problem']}", "", "", "", "", "", digest
    return (
        number,
        told["model_id"],
        told["created"],
        told["training_data_version"],
        told["code_commit"][:12],
        f"{told['parent_version'] or ''}",
        "passed" if told["gates_passed"] else "not passed",
        digest,
    )


def _chain_lines(
    group: str, records: Mapping[int, bytes], registered: Mapping[int, str] | None, faults: tuple[ChainFault, ...]
) -> Iterator[str]:
    if faults:
        yield f"BROKEN: the chain of {group} is not as it was written"
        yield from (f"  version {each.version}: {each.problem}" for each in faults)
        return
    yield f"WHOLE: {count(len(records), 'record')} of {group}, the last one {_sha256(records[max(records)])}"
    if registered is None:
        yield "A last record that was changed or taken away shows only with --registry."
    else:
        yield f"The model registry has the hashes of {len(registered)} of them."


def _span(records: Mapping[int, bytes]) -> str:
    return ", ".join(map(str, sorted(records)))


def _sha256(stored: bytes) -> str:
    return hashlib.sha256(stored).hexdigest()
