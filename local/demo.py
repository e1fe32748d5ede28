"""`make demo`: the drift loop on the local cloud, on real data.

The template that goes to AWS is built and deployed to the local cloud. A car-loan model's endpoint gets the reference
half of its data as its reference; then 50,000 requests are played as the captures SageMaker would have written, day by
day, with a real drift in the middle, and after each day the deployed function is asked for its verdict.
"""

import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from local.capture_objects import write
from local.cloud import ROOT, Cloud
from local.dataset import BUNDLED, CAR_LOAN_CHANGE_ROW, DataSet, event_times, load_dataset
from local.demo_page import write_page
from local.deploy import Deployment
from local.history import replay
from local.inbox import Mail, Queue, SlackChannel, finding_log, mailbox, mails, slack_channel, slack_text
from local.rollouts import triggers_stopped
from local.sagemaker.containers import MODEL_VARIABLE
from local.site_copy import copy_site
from local.stage import DemoError, deploy_in_sight, perform, show_paths, step_printer, wait_for, write_summary
from trimtab.capture.pack import parse_pack_key

ENDPOINT, VARIANT = "car-loan", "AllTraffic"
FOLDER = ROOT / ".local" / "demo"
ROTATION = timedelta(hours=4)
"""One capture file in four hours. SageMaker writes one a minute; at a request every nine minutes that would be
one file a request, and the demo would measure the disk."""
DAY = timedelta(days=1)
DAYS_BETWEEN_RUNS = 2
"""Fewer than a window has: each run closes one at most. On AWS the schedule asks each hour."""


@dataclass
class Play:
    """What came out of playing the history."""

    windows: list[dict[str, Any]] = field(default_factory=list)
    raised_at: str | None = None
    seconds: float = 0.0


def main() -> int:
    with slack_channel() as slack:
        return perform("demo", FOLDER, lambda cloud, console: run(cloud, slack, console))


def run(cloud: Cloud, slack: SlackChannel, console: Console) -> None:
    """Deploy, play, and show what a person would have received."""
    dataset = load_dataset("car_loan")
    say = step_printer(console)
    secret = cloud.client("secretsmanager").create_secret(Name="demo-slack-webhook", SecretString=slack.url)
    parameters = {"SlackWebhookSecretArn": secret["ARN"], "CaptureBatchSeconds": "1"}
    deployment = deploy_in_sight(cloud, console, say, parameters)
    outputs = deployment.outputs
    mail, findings = mailbox(cloud, outputs["AlertTopicArn"]), finding_log(cloud, outputs["FindingsBusName"])
    destination = create_endpoint(cloud, outputs["CaptureBucketName"])
    answer = give_reference(cloud, outputs, dataset)
    say("reference built", f"{answer['rows']:,} rows, {len(answer['columns'])} columns, from the reference half")
    change = event_times(dataset).iloc[CAR_LOAN_CHANGE_ROW].to_pydatetime()
    say("playing", f"{len(dataset):,} requests; the data changes at {change:%Y-%m-%d %H:%M}, and Trimtab is not told")
    play = play_days(cloud, outputs, dataset, destination, change, findings, console)
    raised = [body["detail"] for body in findings.receive() if body["detail"]["kind"] == "drift"]
    wait_for(lambda: len(alert_mails(mail)) > len(raised), "mails", FOLDER, 20)  # one is about the reference
    wait_for(lambda: len(slack.messages) >= len(alert_mails(mail)), "Slack messages", FOLDER, 20)
    show_alert(console, mail, slack)
    summary = summarise(play, findings, dataset, change, deployment)
    document = write_summary(FOLDER, summary)
    picture, page = write_page(FOLDER, summary, alert_mails(mail)[-1], slack_text(slack.messages[-1]))
    cloud.invoke(outputs["BuildSiteFunctionName"], {})
    site = copy_site(cloud, outputs["StateBucketName"], FOLDER)
    console.print(conclusion(summary, change))
    show_paths(console, (picture, page, document, site))


def create_endpoint(cloud: Cloud, bucket: str) -> str:
    """An endpoint that captures all of its traffic; the address it captures to."""
    destination = f"s3://{bucket}/captures"
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model(
        ModelName=ENDPOINT,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/demo",
        PrimaryContainer={"Image": "car-loan", "Environment": {MODEL_VARIABLE: "local.models:car_loan"}},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=ENDPOINT,
        ProductionVariants=[
            {"VariantName": VARIANT, "ModelName": ENDPOINT, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": destination,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
    return destination


def give_reference(cloud: Cloud, outputs: Mapping[str, str], dataset: DataSet) -> dict[str, Any]:
    """Write the endpoint's settings and have the reference built from training data in S3."""
    key = "training/car_loan.csv.gz"
    cloud.client("s3").put_object(
        Bucket=outputs["StateBucketName"], Key=key, Body=BUNDLED["car_loan:reference"].read_bytes()
    )
    source = f"s3://{outputs['StateBucketName']}/{key}"
    settings = {"columns": dataset.features, "predictions": dataset.predictions, "reference": source}
    cloud.client("ssm").put_parameter(
        Name=f"/trimtab/endpoints/{ENDPOINT}", Type="String", Value=json.dumps(settings), Overwrite=True
    )
    answer = cloud.invoke(outputs["BuildReferenceFunctionName"], {"endpoint": ENDPOINT})
    if "refused" in answer:
        raise DemoError(f"no reference: {answer['refused']}")
    return answer


def play_days(
    cloud: Cloud,
    outputs: Mapping[str, str],
    dataset: DataSet,
    destination: str,
    change: datetime,
    findings: Queue,
    console: Console,
) -> Play:
    """Write the captures, and every other day wait until they are profiled and ask for the verdict."""
    play, start = Play(), time.monotonic()
    objects = list(replay(dataset, endpoint=ENDPOINT, destination=destination, rotation=ROTATION))
    times = event_times(dataset)
    rows = times.groupby(times.dt.date).size().to_dict()
    progress = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} requests"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    # the schedule knows the real time only, and would judge days that have not been played
    with triggers_stopped(cloud, ["DetectDrift"]), progress, ThreadPoolExecutor(1) as pool:
        task = progress.add_task("", total=len(rows), rows=0)
        upload = pool.submit(write, objects, cloud.client("s3"), outputs["CaptureBucketName"])
        played = 0
        for days in batched(rows.items(), DAYS_BETWEEN_RUNS, strict=False):
            for day, expected in days:
                played += expected
                progress.update(task, description=f"{day}", advance=1, rows=played)
                wait_for_profiles(cloud, outputs["StateBucketName"], day, expected, upload)
            until = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY
            answer = cloud.invoke(
                outputs["DetectDriftFunctionName"], {"endpoint": ENDPOINT, "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
            )
            verdict = answer["endpoints"][ENDPOINT].get(VARIANT, {})
            if "window" in verdict:
                play.windows.append(verdict)
                progress.console.print(window_line(verdict, change))
            announce(play, findings, progress.console)
        upload.result()
    play.seconds = time.monotonic() - start
    return play


def wait_for_profiles(cloud: Cloud, bucket: str, day: Any, rows: int, upload: Any) -> None:
    """Wait until the packs of a day hold all its rows."""
    s3 = cloud.client("s3")
    prefix = f"profiles/{ENDPOINT}/{VARIANT}/{day:%Y/%m/%d}/"

    def is_complete() -> bool:
        if upload.done():
            upload.result()
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        packs = [pack for pack in (parse_pack_key(entry["Key"]) for entry in listed) if pack]
        return sum(pack.rows for pack in packs) >= rows

    wait_for(is_complete, f"profiles of {day}", FOLDER)


def window_line(window: Mapping[str, Any], change: datetime) -> Text:
    """One window on one line: when, how many rows, the verdict, what moved most."""
    start, end = (datetime.fromisoformat(window["window"][key]) for key in ("start", "end"))
    style = {"ALERT": "bold red", "WARN": "yellow", "OK": "green"}.get(window["verdict"], "dim")
    ranked = sorted(window["columns"].items(), key=lambda item: -(item[1]["psi"] or 0))
    moved = "  ".join(f"{name} {column['psi']:.3f}" for name, column in ranked[:3] if column["psi"] is not None)
    mark = "  ◀ the data changes here" if start <= change < end else ""
    return Text.assemble(
        f"{start:%Y-%m-%d %H:%M} → {end:%m-%d %H:%M}  {window['window']['rows']:5,} rows  ",
        (f"{window['verdict']:<6}", style),
        ("  PSI  ", "dim"),
        moved,
        (mark, "bold cyan"),
    )


def announce(play: Play, findings: Queue, console: Console) -> None:
    """Say on screen when an alert is raised."""
    seen = len(findings.bodies)
    for body in findings.receive()[seen:]:
        finding = body["detail"]
        if finding["kind"] == "drift":
            console.print(Text(f"  {finding['state'].upper()}: {finding['title']}", style="bold white on red"))
            play.raised_at = play.raised_at or finding["evidence"]["window"]["start"]


def alert_mails(mail: Queue) -> list[Mail]:
    """The mails about the endpoint: CloudWatch's own alarms write to the same address."""
    mail.receive()
    return [each for each in mails(mail) if each.attributes.get("endpoint") == ENDPOINT]


def show_alert(console: Console, mail: Queue, slack: SlackChannel) -> None:
    """The alert as it arrives in Slack and by mail."""
    if not slack.messages or not alert_mails(mail):
        return
    console.print(Panel(Text(slack_text(slack.messages[-1])), title="Slack", border_style="magenta", width=100))
    last = alert_mails(mail)[-1]
    console.print(Panel(Text(f"Subject: {last.subject}\n\n{last.body}"), title="Mail", border_style="blue", width=100))


def summarise(
    play: Play, findings: Queue, dataset: DataSet, change: datetime, deployment: Deployment
) -> dict[str, Any]:
    """The demo's result as one document."""
    return {
        "dataset": {"name": dataset.name, "rows": len(dataset)},
        "windows": [
            {
                "start": window["window"]["start"],
                "end": window["window"]["end"],
                "rows": window["window"]["rows"],
                "verdict": window["verdict"],
                "reason": window["reason"],
                "columns": {
                    name: {key: column[key] for key in ("psi", "psi_adjusted", "p", "verdict")}
                    for name, column in sorted(window["columns"].items())
                },
            }
            for window in play.windows
        ],
        "findings": [body["detail"] for body in findings.bodies],
        "first_alert_window": next((w["window"]["start"] for w in play.windows if w["verdict"] == "ALERT"), None),
        "alert_raised_in_window": play.raised_at,
        "true_change": f"{change:%Y-%m-%dT%H:%M:%SZ}",
        "true_change_row": CAR_LOAN_CHANGE_ROW,
        "psi_threshold": play.windows[-1]["thresholds"]["psi"] if play.windows else None,
        "seconds": {
            "build": round(deployment.build_seconds, 1),
            "deploy": round(deployment.deploy_seconds, 1),
            "play": round(play.seconds, 1),
        },
    }


def conclusion(summary: Mapping[str, Any], change: datetime) -> Text:
    """What happened, in two lines."""
    windows = summary["windows"]
    early = [w for w in windows if w["verdict"] == "ALERT" and datetime.fromisoformat(w["end"]) <= change]
    raised = [f for f in summary["findings"] if f["kind"] == "drift" and f["state"] == "raised"]
    after = [w["start"] for w in windows if datetime.fromisoformat(w["end"]) > change]
    told = f"raised in window {after.index(summary['alert_raised_in_window']) + 1} of the change" if raised else "none"
    return Text(
        f"{len(windows)} windows judged; false alarms before the change: {len(early)}; alerts: {len(raised)}, {told}.",
        style="bold",
    )


if __name__ == "__main__":
    sys.exit(main())
