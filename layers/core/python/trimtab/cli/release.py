"""`trimtab release`: approves a version of the model registry and has the deployed stack bring it to an endpoint."""

import argparse
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal

from trimtab.cli.options import InputError
from trimtab.cli.output import print_json, tell
from trimtab.rollout.state import CHANGES
from trimtab.training.release import APPROVED, REJECTED, ReleaseAction
from trimtab.training.release_progress import RELEASES, Release, releases_of

EXIT_CODES = {"released": 0, "on_its_way": 0, "not_released": 3}
STILL_ON_ITS_WAY = 4
POLL_SECONDS = 15.0
TRIES = 3
type Outcome = Literal["released", "on_its_way", "not_released"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a release stands, and the rollout that it is in or ended with, if any."""

    outcome: Outcome
    reason: str
    rollout: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for, and where: the deployed stack."""

    package: str
    endpoint: str
    by: str
    reason: str
    stack: str
    rollback: bool = False


def add_release_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "release",
        help="approve a model package and bring it to an endpoint by a rollout",
        description="Approves a version of the model registry and asks the deployed stack to release it. Exit code: "
        "0 it serves, or is on its way; 3 refused or rolled back; 4 still on its way after --wait; 2 bad input.",
    )
    parser.add_argument("model_package", metavar="MODEL_PACKAGE_ARN")
    parser.add_argument("--endpoint", required=True, help="the endpoint that it is to serve")
    parser.add_argument("--by", required=True, metavar="WHO", help="who asks for it, for the record")
    parser.add_argument("--reason", default="", help="why, for the record")
    parser.add_argument("--rollback", action="store_true", help="also when it is older than the version that serves")
    parser.add_argument(
        "--at-once",
        action="store_true",
        help="for a staging endpoint, which nobody need call: after the smoke test it gets all of the traffic at once. "
        "Needs no approval and gives none",
    )
    parser.add_argument("--wait", type=_minutes, metavar="MINUTES", help="wait so long for the end of it")
    parser.add_argument("--stack", default="trimtab", help="the deployed stack (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask for the release and follow it; the exit code. Raises InputError."""
    # here and not above: the other commands do without boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from trimtab.aws.cloud_formation import NoOutputError
    from trimtab.aws.lambda_functions import FunctionFailedError
    from trimtab.aws.refusals import RefusedError

    order = Order(
        arguments.model_package,
        arguments.endpoint,
        arguments.by,
        arguments.reason or f"trimtab release by {arguments.by}",
        arguments.stack,
        arguments.rollback,
    )
    if arguments.at_once and arguments.rollback:
        raise InputError("--at-once goes back to any version: leave out --rollback")
    quiet = bool(arguments.json)
    try:
        require_version(order)
        look = begin_at_once(order) if arguments.at_once else begin_release(order)
        standing = follow(look, arguments.wait or 0, (lambda _: None) if quiet else tell)
    except (BotoCoreError, ClientError, NoOutputError, FunctionFailedError, RefusedError) as error:
        raise InputError(f"{order.package}: {error}") from error
    if quiet:
        print_json(release_document(order, standing))
    if standing.outcome == "on_its_way" and arguments.wait:
        return STILL_ON_ITS_WAY
    return EXIT_CODES[standing.outcome]


def release_document(order: Order, standing: Standing) -> dict[str, Any]:
    """The result as plain JSON values."""
    return {"model_package": order.package, "endpoint": order.endpoint, **asdict(standing)}


def require_version(order: Order) -> None:
    """Raises InputError when there is no such version, or somebody rejected it."""
    from trimtab.aws.model_registry import describe_version

    described = describe_version(order.package)
    if described is None:
        raise InputError(f"{order.package}: there is no such version")
    if described.get("ModelApprovalStatus") == REJECTED:
        raise InputError(f"{order.package}: it was rejected: {described.get('ApprovalDescription', 'no reason given')}")


def begin_release(order: Order) -> Callable[[], Standing]:
    """Approve the version and have release_model release it; how to look at how it stands."""
    from trimtab.aws.cloud_formation import stack_output
    from trimtab.aws.model_approval import approve_version
    from trimtab.aws.model_registry import describe_version, served_version

    function = stack_output(order.stack, "ReleaseModelFunctionName")
    table = stack_output(order.stack, "StateTableName")
    if (describe_version(order.package) or {}).get("ModelApprovalStatus") != APPROVED:
        approve_version(order.package, order.reason)
    payload = {
        "model_package": order.package, "endpoint": order.endpoint, "by": order.by, "rollback": order.rollback
    }  # fmt: skip
    answer = asked(function, payload)["endpoints"][order.endpoint]
    if answer["action"] != ReleaseAction.IGNORE:
        return lambda: release_standing(order, table)
    # the approval's own event may have come first: then it is on its way already
    found = _release(order, table)
    if found is not None and found.in_progress:
        return lambda: release_standing(order, table)
    if served_version(order.endpoint) == order.package:
        return lambda: Standing("released", answer["reason"])
    return lambda: Standing("not_released", answer["reason"])


def asked(function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of release_model, which fails when it runs for the approval's own event at this moment."""
    from trimtab.aws.lambda_functions import FunctionFailedError, ask_function

    for _ in range(TRIES - 1):
        with suppress(FunctionFailedError):
            return ask_function(function, payload)
        time.sleep(POLL_SECONDS)
    return ask_function(function, payload)


def release_standing(order: Order, table: str) -> Standing:
    """How the release stands by what release_model remembers of it."""
    release = _release(order, table)
    if release is None:
        return Standing("not_released", "another release has taken its place")
    phase, endpoint = release.phase, release.at_stage
    if phase == "released":
        return Standing("released", f"it serves {endpoint}", release.rollout)
    if release.in_progress:
        what = "is being rolled out on" if phase == "rolling" else "waits for its turn on"
        return Standing("on_its_way", f"it {what} {endpoint}", release.rollout)
    ended = {"refused": "the rollout was refused", "rolled_back": "it was rolled back"}.get(phase, f"it is {phase}")
    return Standing("not_released", f"{ended} on {endpoint}", release.rollout)


def begin_at_once(order: Order) -> Callable[[], Standing]:
    """Have start_rollout bring the version to the endpoint in one step; how to look at how it stands."""
    from trimtab.aws.cloud_formation import stack_output
    from trimtab.aws.lambda_functions import ask_function
    from trimtab.aws.model_registry import served_version

    if served_version(order.endpoint) == order.package:
        return lambda: Standing("released", f"it serves {order.endpoint} already")
    document = {
        "endpoint": order.endpoint,
        "model_package": order.package,
        "steps": [100],
        "by": order.by,
        "reason": order.reason,
        "id": str(uuid.uuid4()),
    }
    answer = ask_function(stack_output(order.stack, "StartRolloutFunctionName"), document)
    if "rollout" not in answer:
        return lambda: Standing("not_released", f"the rollout was refused: {answer['reason']}")
    bucket, table = (stack_output(order.stack, name) for name in ("StateBucketName", "StateTableName"))
    return lambda: rollout_standing(order, answer["rollout"], table, bucket)


def rollout_standing(order: Order, rollout: str, table: str, bucket: str) -> Standing:
    """How a rollout stands: by the state table, or its record once something else is done to the endpoint."""
    from trimtab.aws.state_bucket import read_rollout
    from trimtab.aws.state_table import read_state

    change = read_state(table, CHANGES, order.endpoint).content
    if change.get("id") != rollout:
        change = read_rollout(bucket, order.endpoint, rollout) or {}
    phase = change.get("phase", "unknown")
    if phase == "promoted":
        return Standing("released", f"it serves {order.endpoint}", rollout)
    if phase in {"rolled_back", "failed"}:
        told = change.get("reason") or "no reason given"
        return Standing("not_released", f"its rollout on {order.endpoint} was ended: {told}", rollout)
    return Standing("on_its_way", f"the rollout on {order.endpoint} is {phase}", rollout)


def follow(look: Callable[[], Standing], minutes: float, say: Callable[[str], None]) -> Standing:
    """Look until it is over or the time is; each change is said."""
    end = time.monotonic() + minutes * 60
    said: Standing | None = None
    while True:
        standing = look()
        if standing != said:
            told = standing.outcome.upper().replace("_", " ")
            say(f"{told}: {standing.reason}" + (f" (rollout {standing.rollout})" if standing.rollout else ""))
        said = standing
        left = end - time.monotonic()
        if standing.outcome != "on_its_way" or left <= 0:
            return standing
        time.sleep(min(POLL_SECONDS, left))


def _release(order: Order, table: str) -> Release | None:
    from trimtab.aws.state_table import read_state

    releases = releases_of(read_state(table, RELEASES, order.endpoint).content)
    return next((each for each in (releases.queued, releases.current) if each and each.package == order.package), None)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < 1e5:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes")
    return minutes
