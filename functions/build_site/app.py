"""build_site: the pages people look at. Triggers: every finding on the bus, through a queue, and every hour a schedule.

A finding is kept first, then the pages that it concerns are built from what is stored. So pages never depend on the
order in which findings come, and a run that came too late to see one builds again. By payload, for one endpoint:
`{"endpoint": "churn"}`.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from trimtab.aws import cost_documents, site_bucket, site_sources
from trimtab.pages import addresses
from trimtab.pages.endpoint_metrics import endpoint_values, metrics_text
from trimtab.pages.endpoint_page import endpoint_page
from trimtab.pages.finding_page import finding_page
from trimtab.pages.fleet import account_row, fleet_row, with_rows
from trimtab.pages.kept_finding import ACCOUNT, KeptFinding, document_of, finding_of_event
from trimtab.pages.openmetrics import CONTENT_TYPE
from trimtab.pages.overview_page import overview_page
from trimtab.pages.sources import is_forgotten
from trimtab.settings import BuildSiteSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

DAY = timedelta(days=1)
PARALLEL = 8
RESERVE_MS = 60_000
"""With less time left no other endpoint is begun: the overview must still be written."""
MOST_ATTEMPTS = 10
"""So often a page is built again because something came meanwhile; the next run would do it, too."""


class PagesFailedError(RuntimeError):
    """The pages of some endpoints could not be built; those of all others were."""


class FleetBusyError(RuntimeError):
    """Others wrote the overview each time between reading and writing. Doing it again later is safe."""


@dataclass(frozen=True)
class Run:
    """What is the same for every page of one invocation. `summary`: the account's view of cost."""

    settings: BuildSiteSettings
    now: datetime
    summary: Mapping[str, Any]
    remaining_ms: Callable[[], int]

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    settings = BuildSiteSettings.from_environment(os.environ)
    summary = cost_documents.read_summary(settings.state_bucket_name)
    run = Run(settings, datetime.now(UTC), summary, context.get_remaining_time_in_millis)
    if "Records" in event:
        return tell_findings(event["Records"], run)
    names = [event["endpoint"]] if "endpoint" in event else site_sources.endpoint_names(run.bucket, summary)
    built, failed = build_endpoints(names, run)
    write_overview(built, run, known=None if "endpoint" in event else {*built, *failed})
    metrics.add_metric("PagesBuilt", MetricUnit.Count, len(built))
    metrics.add_metric("PagesFailed", MetricUnit.Count, len(failed))
    if failed:
        raise PagesFailedError(f"not built: {', '.join(failed[:20])}; built: {len(built)}")
    return {"endpoints": len(built)}


def tell_findings(records: Iterable[Mapping[str, Any]], run: Run) -> dict[str, Any]:
    """Keep the findings of a batch of messages and build the pages that they concern; the messages to send again."""
    by_message: dict[str, KeptFinding] = {}
    failed: set[str] = set()
    for record in records:
        message = record["messageId"]
        try:
            by_message[message] = keep(record, run)
        except Exception:
            # one finding must not stop the others; its message comes again
            logger.exception("Finding could not be kept", extra={"message_id": message})
            failed.add(message)
    folders = {finding.folder for finding in by_message.values()}
    built, unbuilt = build_endpoints(sorted(folders - {ACCOUNT}), run)
    write_overview(built, run)
    failed |= {message for message, finding in by_message.items() if finding.folder in unbuilt}
    metrics.add_metric("FindingsKept", MetricUnit.Count, len(by_message))
    return {"batchItemFailures": [{"itemIdentifier": message} for message in sorted(failed)]}


def keep(record: Mapping[str, Any], run: Run) -> KeptFinding:
    """Keep the finding of a message and write its page; the finding. What is no finding is kept as it came."""
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    try:
        event = json.loads(record["body"])
    except ValueError:
        event = record["body"]
    finding = finding_of_event(event if isinstance(event, Mapping) else {"body": event}, sent)
    site_bucket.keep_finding(run.bucket, finding.folder, finding.day, finding.id, document_of(finding))
    html = finding_page(finding, run.bucket, run.now)
    site_bucket.write_page(run.bucket, addresses.finding_page(finding.id), html)
    return finding


def build_endpoints(names: Iterable[str], run: Run) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Build the pages of endpoints; their rows in the overview, and the names of those that failed. An endpoint of
    which nothing is known any more has no row."""
    built: dict[str, dict[str, Any]] = {}
    failed: list[str] = []

    def build(name: str) -> None:
        if run.remaining_ms() < RESERVE_MS:
            failed.append(name)
            return
        try:
            if row := build_endpoint(name, run):
                built[name] = row
        except Exception:
            # one endpoint must not stop the others; the error raised at the end, or the message, makes it come again
            logger.exception("Page could not be built", extra={"endpoint": name})
            failed.append(name)

    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(build, names))
    return built, sorted(failed)


def build_endpoint(name: str, run: Run) -> dict[str, Any] | None:
    """Write an endpoint's page as of what is stored when it is written; its row in the overview."""
    row: dict[str, Any] | None = None
    for _ in range(MOST_ATTEMPTS):
        kept = site_bucket.finding_keys(run.bucket, name, run.now - DAY)
        now = datetime.now(UTC)
        sources = site_sources.read_sources(run.bucket, run.settings.state_table_name, name, run.summary, now)
        if is_forgotten(sources, now):
            return None
        html = endpoint_page(sources, run.bucket, now)
        site_bucket.write_page(run.bucket, addresses.endpoint_page(name), html)
        row = fleet_row(sources, now) | {"metrics": endpoint_values(sources)}
        if site_bucket.finding_keys(run.bucket, name, run.now - DAY) == kept:
            break
    return row


def write_overview(rows: Mapping[str, Mapping[str, Any]], run: Run, *, known: Collection[str] | None = None) -> None:
    """Write these rows among those that stand, and the overview and the metrics of all. `known`: the endpoints that
    there are, when these are all. Whoever writes last has read what all others wrote."""
    for _ in range(MOST_ATTEMPTS):
        fleet, etag = site_bucket.read_fleet(run.bucket)
        # after the etag: what is kept later than this, somebody writes later
        account = account_row(site_sources.read_findings(run.bucket, ACCOUNT, run.now))
        fleet = with_rows(fleet, rows, account, run.now, known=known)
        if written := site_bucket.replace_fleet(run.bucket, fleet, etag):
            break
    else:
        raise FleetBusyError(f"the overview was written by others {MOST_ATTEMPTS} times")
    for _ in range(MOST_ATTEMPTS):
        site_bucket.write_page(run.bucket, "index.html", overview_page(fleet, run.now))
        values = {name: row["metrics"] for name, row in fleet["rows"].items()}
        site_bucket.write_text(run.bucket, "metrics.txt", metrics_text(values, run.now), CONTENT_TYPE)
        fleet, present = site_bucket.read_fleet(run.bucket)
        if present == written:
            break
        written = present
