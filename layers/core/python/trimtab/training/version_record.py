"""The immutable record of one version of a model, in a chain: each holds the hash of the one before it.

A record is canonical JSON (keys sorted, no spaces, UTF-8, no NaN), so that one record has one form and one hash. What
any record of a chain said, all later ones depend on; the hash of the last one is kept by the model registry, as
`record_sha256` in the version's metadata.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

type Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_GROUP = r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$"


class VersionRecordError(ValueError):
    """A record that cannot be read. The message names what is at fault."""


class Environment(BaseModel):
    """What it was trained in: the image with its digest, the hash of its requirements."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str
    requirements_sha256: Sha256 | None = None


class VersionRecord(BaseModel):
    """One version of a model.

    `previous_sha256`: of record `version` − 1, None of the first. `parent_version`: the version that it is to replace.
    `training_data_version`: the hash of a DVC lock file, an S3 version id or an Iceberg snapshot. `drift_report`: what
    caused the training, "" when nothing of ours did. `gates`: one document a gate, as `verdicts_document` gives them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    schema_version: Literal[1] = 1
    group: Annotated[str, Field(pattern=_GROUP)]
    version: Annotated[int, Field(ge=1)]
    previous_sha256: Sha256 | None
    parent_version: Annotated[int, Field(ge=1)] | None = None
    model_id: Annotated[str, Field(min_length=1)]
    model_data: Annotated[str, Field(pattern=r"^s3://[^/]+/.+")]
    training_data_version: Annotated[str, Field(min_length=1)]
    training_data: tuple[str, ...] = ()
    training_job: str = ""
    code_commit: Annotated[str, Field(min_length=1)]
    repository: str = ""
    environment: Environment
    hyperparameters: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}
    gates: tuple[Mapping[str, Any], ...] = ()
    gates_passed: bool
    drift_report: str = ""
    created: AwareDatetime

    @property
    def key(self) -> str:
        """Where it lies in the state bucket."""
        return record_key(self.group, self.version)


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Why a chain is not as it was written: the version at fault, 0 when it cannot be told."""

    version: int
    problem: str


def record_key(group: str, version: int) -> str:
    """The key of a record."""
    return f"versions/{group}/{version}.json"


def record_bytes(record: VersionRecord) -> bytes:
    """The record as it is stored."""
    return canonical(record.model_dump(mode="json"))


def record_sha256(record: VersionRecord) -> str:
    """The hash of the record as it is stored."""
    return hashlib.sha256(record_bytes(record)).hexdigest()


def content_sha256(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """The hash of plain JSON values, whatever the order of their keys, as of hyperparameters or a schema."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """Plain JSON values in their one form. Raises ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse_record(stored: bytes) -> VersionRecord:
    """A stored record. Raises VersionRecordError, also when it is not in the form in which records are written."""
    try:
        record = VersionRecord.model_validate_json(stored)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise VersionRecordError(faults) from error
    if record_bytes(record) != stored:
        raise VersionRecordError("it is not in canonical form, so it was changed after it was written")
    return record


def next_record_place(records: Mapping[int, bytes]) -> tuple[int, str | None]:
    """Version and `previous_sha256` of the record that follows those stored, by their versions."""
    last = max(records, default=0)
    return last + 1, hashlib.sha256(records[last]).hexdigest() if last else None


def verify_chain(
    group: str, records: Mapping[int, bytes], registered: Mapping[int, str] | None = None
) -> tuple[ChainFault, ...]:
    """What is wrong with a chain of stored records, by the versions in their keys; empty when nothing is.

    `registered`: hashes that the model registry holds, by version. They alone tell when the last record was changed by
    somebody who knows the form, or taken away.
    """
    faults: list[ChainFault] = []
    registered = registered or {}
    hashes = {version: hashlib.sha256(stored).hexdigest() for version, stored in records.items()}
    for version in range(1, max(*records, *registered, 0, 0) + 1):
        if version not in records:
            faults.append(ChainFault(version, "the record is missing"))
            continue
        faults += [ChainFault(version, problem) for problem in _problems(group, version, records[version], hashes)]
        if version in registered and registered[version] != hashes[version]:
            faults.append(ChainFault(version, "its hash is not the one in the model registry"))
    faults += [ChainFault(version, "no version has this number") for version in sorted(records) if version < 1]
    return tuple(faults)


def _problems(group: str, version: int, stored: bytes, hashes: Mapping[int, str]) -> list[str]:
    try:
        record = parse_record(stored)
    except VersionRecordError as error:
        return [str(error)]
    problems = []
    if (record.group, record.version) != (group, version):
        problems.append(f"it says it is version {record.version} of {record.group}")
    if record.previous_sha256 != (hashes.get(version - 1) if version > 1 else None):
        problems.append(f"it does not follow from record {version - 1} as that is now")
    if record.parent_version is not None and record.parent_version >= version:
        problems.append(f"its parent, version {record.parent_version}, is not older")
    return problems


def timestamp(moment: datetime) -> str:
    """A time as records write it."""
    return moment.isoformat().replace("+00:00", "Z")
