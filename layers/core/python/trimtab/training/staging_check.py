"""The user's own check of a version on staging: what it is asked, and what it answers."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from trimtab.training.release_progress import Release
from trimtab.validation import faults_of


class StagingCheckError(ValueError):
    """An answer that says neither yes nor no. The message names the key at fault."""


class StagingCheck(BaseModel):
    """`passed`: None while the check goes on; then it is asked again. `reason`: for people."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    passed: bool | None
    reason: str = ""


def check_request(release: Release, endpoint: str) -> dict[str, Any]:
    """What the check is asked: about which version, on which staging endpoint, on its way to which endpoint. `id` is
    the same each time that it is asked about this release."""
    return {
        "id": release.id,
        "endpoint": endpoint,
        "staging_endpoint": release.stages[0],
        "model_package": release.package,
        "version": release.version,
    }


def parse_check(name: str, answer: Mapping[str, Any]) -> StagingCheck:
    """The answer of the function `name`. Raises StagingCheckError."""
    try:
        return StagingCheck.model_validate(answer)
    except ValidationError as error:
        raise StagingCheckError(f'{name} must answer {{"passed": true, false or null}}: {faults_of(error)}') from error
