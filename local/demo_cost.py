"""`make demo-cost`: a fleet of six endpoints on the local cloud, sized and priced by the deployed functions.

Two weeks of minutes, shaped by real CloudWatch series, are played as the metrics that SageMaker publishes, for
endpoints that exist since long before. Then the deployed rightsize_endpoints and track_cost look at them as their
schedules would let them; what they store is what is shown. The decision code does not know.
"""

import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.cloud import ROOT, Cloud
from local.demo_cost_answers import Answer, answer_of
from local.demo_cost_fleet import FLEET, VARIANT, Member
from local.demo_cost_page import write_page
from local.deploy import Deployment
from local.rollouts import triggers_stopped
from local.sagemaker.containers import MODEL_VARIABLE
from local.stage import DemoError, deploy_in_sight, perform, show_paths, step_printer, write_summary
from trimtab.cost.hours import EndpointHour
from trimtab.cost.ledger import hours_of_documents, months_between

FOLDER = ROOT / ".local" / "demo-cost"
MINUTE, DAYS = timedelta(minutes=1), timedelta(days=14)
OLDER = timedelta(days=60)
"""Endpoints exist for so long when the two weeks begin."""
EARLIER = timedelta(hours=2)
"""The metrics begin so long before what is looked at, which ends some minutes before now."""
AT_ONCE = 2
WIDTH = 170
"""Columns of the table where there is no terminal to ask."""
STYLES = {"OVERSIZED": "bold yellow", "IDLE": "bold red", "UNDERSIZED": "bold red", "RIGHT_SIZED": "bold green"}


def main() -> int:
    return perform("demo-cost", FOLDER, run, WIDTH)


def run(cloud: Cloud, console: Console) -> None:
    """Deploy, play two weeks, let the functions look, and show what they say."""
    say = step_printer(console)
    deployment = deploy_in_sight(cloud, console, say)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    start = now - DAYS - EARLIER
    with triggers_stopped(cloud, ("RightsizeEndpoints", "TrackCost")):
        create_fleet(cloud, start - OLDER)
        with console.status("two weeks of minutes"):
            requests, kept = play_fleet(cloud, start, (now - start) // MINUTE)
        asked = sum(int(each.sum()) for each in requests.values())
        say("two weeks played", f"{asked:,} requests to six endpoints, told by {kept:,} datapoints of CloudWatch")
        answers = ask_all(cloud, deployment, now, start, requests, console)
    console.print()
    for each in answers:
        console.print(f"  [bold]{each.member.name}[/bold]: {each.reason}")
    document = write_summary(FOLDER, {"endpoints": [each.summary() for each in answers]})
    now_usd = sum(each.now["monthly_usd"] or 0.0 for each in answers)
    saved = sum(each.saving[1] for each in answers)
    say("done", f"{saved:,.0f} of {now_usd:,.0f} USD a month could be saved, every endpoint within its latency target")
    show_paths(console, (*write_page(FOLDER, answers), document))


def create_fleet(cloud: Cloud, since: datetime) -> None:
    """The endpoints, made at a moment of the past, with the latency that each is to hold."""
    sagemaker, settings = cloud.client("sagemaker"), cloud.client("ssm")
    cloud.set_clock(since)
    for member in FLEET:
        sagemaker.create_model(
            ModelName=member.name,
            ExecutionRoleArn="arn:aws:iam::000000000000:role/model",
            PrimaryContainer={"Image": member.name, "Environment": {MODEL_VARIABLE: "local.models:echo"}},
        )
        variant = {
            "VariantName": VARIANT,
            "ModelName": member.name,
            "InstanceType": member.instance_type,
            "InitialInstanceCount": member.count,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=member.name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=member.name, EndpointConfigName=member.name)
        settings.put_parameter(
            Name=f"/trimtab/endpoints/{member.name}",
            Type="String",
            Value=json.dumps({"sizing": {"latency_ms": member.target_ms}}),
        )
    cloud.set_clock(None)


def play_fleet(cloud: Cloud, start: datetime, minutes: int) -> tuple[dict[str, NDArray[np.int64]], int]:
    """Let CloudWatch know what the endpoints did in these minutes: their requests, and how many datapoints that is."""
    requests, kept = {}, 0
    for seed, member in enumerate(FLEET):
        requests[member.name] = member.requests(start, minutes, seed)
        dimensions = {"EndpointName": member.name, "VariantName": VARIANT}
        for series in member.history(start, requests[member.name], seed):
            kept += cloud.play_metrics([series.document(dimensions)])
    return requests, kept


def ask_all(
    cloud: Cloud,
    deployment: Deployment,
    now: datetime,
    start: datetime,
    requests: Mapping[str, NDArray[np.int64]],
    console: Console,
) -> list[Answer]:
    """The deployed functions' answers about every endpoint, with a table on screen that fills."""
    found: dict[str, Answer] = {}

    def ask(member: Member) -> Answer:
        name, outputs = member.name, deployment.outputs
        cloud.invoke(outputs["RightsizeEndpointsFunctionName"], {"endpoint": name, "at": now.isoformat()})
        cloud.invoke(outputs["TrackCostFunctionName"], {"endpoint": name})
        bucket = outputs["StateBucketName"]
        working = read_document(cloud, bucket, f"sizing/{name}/{now:%Y-%m-%d}.json")["variants"][VARIANT]
        return answer_of(member, working, read_hours(cloud, bucket, name, now), start, requests[name])

    with Live(table_of(found), console=console, refresh_per_second=4) as live, ThreadPoolExecutor(AT_ONCE) as pool:
        for future in as_completed([pool.submit(ask, member) for member in FLEET]):
            answer = future.result()
            found[answer.member.name] = answer
            live.update(table_of(found))
    return [found[member.name] for member in FLEET]


def read_hours(cloud: Cloud, bucket: str, endpoint: str, now: datetime) -> list[EndpointHour]:
    """What track_cost stored of the two weeks."""
    documents = [
        read_document(cloud, bucket, f"costs/{endpoint}/{month}.json") for month in months_between(now - DAYS, now)
    ]
    hours = hours_of_documents(documents)
    return [hour for start, hour in sorted(hours.items()) if start >= now - DAYS]


def read_document(cloud: Cloud, bucket: str, key: str) -> dict[str, Any]:
    """A document of the state bucket. Raises DemoError when it is not there."""
    s3 = cloud.client("s3")
    try:
        document: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey as error:
        raise DemoError(f"{key} was not stored") from error
    return document


def table_of(found: Mapping[str, Answer]) -> Table:
    """The fleet, as far as it is looked at."""
    table = Table(box=None, pad_edge=False)
    columns: tuple[tuple[str, Callable[[Answer], Text | str]], ...] = (
        ("verdict", lambda each: Text(each.verdict.replace("_", " ").lower(), STYLES.get(each.verdict, ""))),
        ("proposed", lambda each: each.proposed),
        ("USD a month", lambda each: f"{each.now['monthly_usd']:,.0f}"),
        ("saved", saved_text),
        ("USD for 1,000 predictions", cost_text),
        ("confidence", lambda each: f"{each.confidence:.0%}" if each.confidence is not None else ""),
    )
    for name in ("endpoint", "now", *(name for name, _ in columns)):
        table.add_column(name, no_wrap=True)
    for member in FLEET:
        cells = [cell(found[member.name]) for _, cell in columns] if member.name in found else ["…"]
        table.add_row(Text(member.name, "bold"), f"{member.count} × {member.instance_type}", *cells)
    return table


def saved_text(answer: Answer) -> str:
    """A saving with its interval."""
    low, mid, high = answer.saving
    return f"{mid:,.0f} ({low:,.0f} to {high:,.0f})" if mid else ""


def cost_text(answer: Answer) -> str:
    """The price of 1,000 predictions now, and as proposed."""
    prices = [each for each in (answer.usd_per_thousand, answer.proposed_usd_per_thousand) if each is not None]
    return " → ".join(f"{each:.4f}" for each in prices) or "no predictions"


if __name__ == "__main__":
    sys.exit(main())
