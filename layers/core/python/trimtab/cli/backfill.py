"""`trimtab backfill`: what profiling old captures in AWS would cost, and, when told to, its start."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from trimtab.capture.backfill_cost import (
    CONCURRENCY,
    PRICES_AS_OF,
    CaptureListing,
    Estimate,
    Range,
    estimate_backfill,
    summarise,
)
from trimtab.cli.options import InputError
from trimtab.cli.output import aligned, count, print_json, tell

_S3 = "s3://"
_SHOWN_EVERY = 10_000


def add_backfill_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "backfill",
        help="what profiling old captures in AWS would cost; --start does it",
        description="Lists the captures under a prefix and estimates what profiling them costs. With --start, the "
        "deployed stack's state machine then does it.",
    )
    parser.add_argument("prefix", metavar="s3://BUCKET/PREFIX", help="where the captures lie")
    parser.add_argument("--start", action="store_true", help="start the backfill")
    parser.add_argument("--stack", default="trimtab", help="the deployed stack (default: %(default)s)")
    parser.add_argument(
        "--concurrency",
        type=_positive,
        default=CONCURRENCY,
        metavar="N",
        help="batches of objects that are profiled at once (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the estimate, start what was asked for. Raises InputError."""
    bucket, _, prefix = arguments.prefix.removeprefix(_S3).partition("/")
    if not arguments.prefix.startswith(_S3) or not bucket:
        raise InputError(f"{arguments.prefix}: not of the form s3://bucket/prefix")
    listing = summarise(bucket, _with_progress(_listed(bucket, prefix)))
    if not listing.objects and not listing.manifests:
        raise InputError(f"{arguments.prefix}: no captures among {count(listing.others, 'object')}")
    estimate = estimate_backfill(listing, arguments.concurrency)
    execution = None
    if arguments.start:
        execution = _start(arguments.stack, bucket, prefix, arguments.concurrency)
    if arguments.json:
        print_json(backfill_document(listing, estimate) | {"execution": execution})
        return 0
    for line in _lines(listing, estimate):
        tell(line)
    tell(f"Started: {execution}" if execution else "Nothing was started; --start does it.")
    return 0


def backfill_document(listing: CaptureListing, estimate: Estimate) -> dict[str, Any]:
    """Listing and estimate as plain JSON values; ranges are from the good case to the bad one."""
    return {
        "objects": listing.objects,
        "bytes": listing.bytes,
        "manifests": listing.manifests,
        "others": listing.others,
        "archived": listing.archived,
        "endpoints": listing.endpoints,
        "hours": len(listing.hours),
        "first": _iso(listing.first),
        "last": _iso(listing.last),
        "estimate": {
            "prices_as_of": PRICES_AS_OF,
            "usd": _pair(estimate.usd),
            "minutes": _pair(estimate.seconds * (1 / 60)),
            "costs": {
                cost.name: {"units": _pair(cost.units), "usd_per_unit": cost.usd_per_unit, "usd": _pair(cost.usd)}
                for cost in estimate.costs
            },
        },
    }


def _lines(listing: CaptureListing, estimate: Estimate) -> Iterator[str]:
    yield (
        f"{count(listing.objects, 'capture')}, {listing.bytes / 1e9:,.3g} GB, of "
        f"{count(len(listing.endpoints), 'endpoint')} in {count(len(listing.hours), 'hour')} "
        f"from {_iso(listing.first)} to {_iso(listing.last)}"
    )
    if listing.manifests:
        yield (
            f"Of batch transforms {count(listing.manifests, 'manifest')}: the data files that they name are profiled, "
            "too, and are not in the estimate."
        )
    if listing.others:
        yield f"No captures, to be skipped: {count(listing.others, 'object')}."
    if listing.archived:
        yield f"Archived, to be quarantined unless restored before: {count(listing.archived, 'capture')}."
    yield ""
    rows = [(cost.name, _span(cost.units, ",.0f"), _span(cost.usd, ",.4f")) for cost in estimate.costs]
    yield from aligned(("estimate", "units", "USD"), [*rows, ("together", "", _span(estimate.usd, ",.2f"))])
    yield ""
    yield f"At prices of us-east-1 as of {PRICES_AS_OF}; {_span(estimate.seconds * (1 / 60), ',.1f')} minutes."


def _listed(bucket: str, prefix: str) -> Iterator[tuple[str, int, str]]:
    # here and not above: the other commands do without boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from trimtab.aws import s3

    try:
        for each in s3.list_objects(bucket, prefix):
            yield each.key, each.size, each.storage_class
    except s3.ObjectNotFoundError as error:
        raise InputError(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{_S3}{bucket}/{prefix}: {error}") from error


def _start(stack: str, bucket: str, prefix: str, concurrency: int) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    from trimtab.aws.cloud_formation import NoOutputError, stack_output
    from trimtab.aws.step_functions import start_execution

    try:
        state_machine = stack_output(stack, "BackfillStateMachineArn")
        return start_execution(state_machine, {"bucket": bucket, "prefix": prefix, "concurrency": concurrency})
    except (BotoCoreError, ClientError, NoOutputError) as error:
        raise InputError(f"could not start the backfill: {error}") from error


def _with_progress[Item](items: Iterable[Item]) -> Iterator[Item]:
    if not sys.stderr.isatty():
        yield from items
        return
    try:
        for number, item in enumerate(items, 1):
            if number % _SHOWN_EVERY == 0:
                sys.stderr.write(f"\r{number:,} objects listed")
                sys.stderr.flush()
            yield item
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _iso(hour: datetime | None) -> str | None:
    return f"{hour:%Y-%m-%dT%HZ}" if hour else None


def _pair(values: Range) -> list[float]:
    return [values.low, values.high]


def _span(values: Range, form: str) -> str:
    low, high = f"{values.low:{form}}", f"{values.high:{form}}"
    return low if low == high else f"{low} to {high}"
