"""The traffic player: plays a data set as an endpoint's traffic, live or as days of history.

python -m local.player live   --dataset car_loan --endpoint loans --rate 20 --rows 500
python -m local.player replay --dataset car_loan --endpoint loans --from 2026-01-01 --days 30
python -m local.player replay --dataset my.csv --endpoint mine --out captures --fault nulls:age:1000:0.2
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from local.capture_files import split_s3_uri
from local.capture_objects import CaptureObject, DeliveryError, save, write
from local.dataset import BUNDLED, DataSet, DataSetError, load_dataset, part
from local.faults import FAULT_FORMS, Fault, FaultError, parse_fault
from local.history import replay
from local.live import LiveResult, play_live


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Exit code 0: played; 1: some requests or files failed; 2: bad input."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        dataset = _dataset(options)
        play: Callable[[argparse.Namespace, DataSet, Console], int] = options.play
        return play(options, dataset, console)
    except DeliveryError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    except (ValueError, ClientError, BotoCoreError) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2


def _play_live(options: argparse.Namespace, dataset: DataSet, console: Console) -> int:
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=options.workers)
    client = boto3.client("sagemaker-runtime", config=config)
    rows = len(dataset) if options.rows is None else min(options.rows, len(dataset))
    with _progress(console) as progress:
        task = progress.add_task("requests", total=-(-rows // options.rows_per_request))
        result: LiveResult = play_live(
            dataset,
            endpoint=options.endpoint,
            runtime_client=client,
            requests_per_second=options.rate,
            rows=rows,
            rows_per_request=options.rows_per_request,
            form=options.encoding,
            faults=options.fault,
            seed=options.seed,
            inference_ids=options.inference_ids,
            workers=options.workers,
            progress=lambda _: progress.advance(task),
        )
    failed = sum(result.errors.values())
    errors = ", ".join(f"{count} × {code}" for code, count in sorted(result.errors.items())) or "none"
    pace = result.requests / result.seconds if result.seconds else 0.0
    print(f"{result.requests} requests in {result.seconds:.1f} s ({pace:.1f} a second), {failed} failed: {errors}")
    for message in result.messages.values():
        console.print(message, style="red", markup=False)
    return 1 if failed else 0


def _play_replay(options: argparse.Namespace, dataset: DataSet, console: Console) -> int:
    began = time.monotonic()
    destination, variant = _destination(options)
    objects = replay(
        dataset if options.rows is None else part(dataset, 0, options.rows),
        endpoint=options.endpoint,
        destination=destination,
        variant=variant,
        start=options.start,
        span=None if options.days is None else timedelta(days=options.days),
        rotation=timedelta(seconds=options.rotation),
        rows_per_request=options.rows_per_request,
        encoding=options.encoding,
        faults=options.fault,
        seed=options.seed,
    )
    records = 0
    with _progress(console) as progress:
        task = progress.add_task("files", total=None)
        made = list(objects)
        progress.update(task, total=len(made))

        def delivered(item: CaptureObject) -> None:
            nonlocal records
            records += item.records
            progress.advance(task)

        if options.out is not None:
            files, where = save(made, options.out, progress=delivered), str(options.out)
        else:
            bucket, _ = split_s3_uri(destination)
            client = boto3.client("s3", config=Config(max_pool_connections=options.workers))
            files, where = write(made, client, bucket, workers=options.workers, progress=delivered), destination
    print(f"{records} records in {files} files to {where} in {time.monotonic() - began:.1f} s")
    return 0


def _destination(options: argparse.Namespace) -> tuple[str, str]:
    """Where the endpoint's captures go and its first variant, as given or as the endpoint itself is configured."""
    if options.destination is not None or options.out is not None:
        return options.destination or "s3://captures", options.variant or "AllTraffic"
    endpoint: dict[str, Any] = dict(boto3.client("sagemaker").describe_endpoint(EndpointName=options.endpoint))
    capture = endpoint.get("DataCaptureConfig") or {}
    if "DestinationS3Uri" not in capture:
        raise DataSetError(f"endpoint {options.endpoint} has no data capture; give --destination or --out")
    return capture["DestinationS3Uri"], options.variant or endpoint["ProductionVariants"][0]["VariantName"]


def _dataset(options: argparse.Namespace) -> DataSet:
    return load_dataset(
        options.dataset,
        features=options.features,
        predictions=options.predictions,
        targets=options.targets,
        time=options.time,
    )


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.player",
        description="Play a data set as an endpoint's traffic. The cloud is where the usual AWS variables point.",
    )
    modes = parser.add_subparsers(required=True, metavar="live|replay")
    live = modes.add_parser("live", help="real invoke_endpoint calls", description="Send real requests to an endpoint.")
    history = modes.add_parser(
        "replay",
        help="days of history, as capture files",
        description="Write a history of capture files as SageMaker would have, at their own event times.",
    )
    for mode in (live, history):
        _add_common(mode)
    live.set_defaults(play=_play_live)
    live.add_argument("--rate", type=_positive, default=10.0, metavar="N", help="requests a second (default 10)")
    live.add_argument("--encoding", choices=("CSV", "JSON", "JSONLINES"), default="CSV", help="default CSV")
    live.add_argument("--inference-ids", action="store_true", help="give every request an InferenceId")
    history.set_defaults(play=_play_replay)
    history.add_argument(
        "--encoding",
        choices=("CSV", "JSON", "JSONLINES", "BASE64"),
        default="CSV",
        help="of requests and captures; BASE64 is CSV without content-type headers (default CSV)",
    )
    history.add_argument(
        "--from", dest="start", type=_time, metavar="ISO", help="time of the first row (default: its own)"
    )
    history.add_argument("--days", type=_positive, metavar="N", help="squeeze or stretch the data set to N days")
    history.add_argument(
        "--rotation", type=_positive, default=60.0, metavar="S", help="seconds a file holds (default 60)"
    )
    history.add_argument("--variant", metavar="NAME", help="default: the endpoint's first, or AllTraffic")
    target = history.add_mutually_exclusive_group()
    target.add_argument("--destination", metavar="S3URI", help="s3://bucket/prefix (default: the endpoint's own)")
    target.add_argument("--out", type=Path, metavar="DIR", help="write the files to a folder instead")
    return parser


def _add_common(mode: argparse.ArgumentParser) -> None:
    mode.formatter_class = argparse.RawDescriptionHelpFormatter
    mode.epilog = (
        "faults, from row number or ISO time AT on (repeat --fault for more):\n  "
        + "\n  ".join(FAULT_FORMS)
        + "\nthe last three are of the files, so only for replay"
    )
    mode.add_argument(
        "--dataset",
        default="car_loan",
        metavar="NAME|CSV",
        help=f"a CSV file, or {', '.join(BUNDLED)} (default car_loan)",
    )
    mode.add_argument("--endpoint", required=True, metavar="NAME")
    mode.add_argument("--rows", type=_whole, metavar="N", help="play the first N rows (default all)")
    mode.add_argument("--rows-per-request", type=_whole, default=1, metavar="N", help="default 1")
    mode.add_argument("--fault", type=_fault, action="append", default=[], metavar="FAULT", help="see below")
    mode.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is random (default 0)")
    mode.add_argument("--workers", type=_whole, default=16, metavar="N", help="calls under way at once (default 16)")
    columns = mode.add_argument_group("columns of a CSV of your own", "By default told by their names.")
    columns.add_argument("--features", type=_names, metavar="A,B", help="what goes into the model")
    columns.add_argument("--predictions", type=_names, metavar="A,B", help="what comes out")
    columns.add_argument("--targets", type=_names, metavar="A,B", help="labels (not sent)")
    columns.add_argument("--time", metavar="COLUMN", help="event time, ISO 8601")


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(main())
