"""track_cost: every hour by schedule, what each endpoint and its predictions cost, whether that is unusual, and what
training cost.

By payload, for one endpoint and any past moment: `{"endpoint": "churn", "until": "2026-11-20T08:00:00Z"}`; and what a
canary earned, when it is told what predictions were worth: `{"endpoint": "churn", "outcomes": {…}}` (docs/cost.md).
Every run reads again what late datapoints may have changed and what earlier runs left out, so that a lost, late or
repeated run does no harm.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from trimtab.aws import cost_documents, sagemaker
from trimtab.aws.billing_reports import Files, newest_files, read_bills
from trimtab.aws.cost_metrics import count_predictions
from trimtab.aws.cost_observations import count_hours, look_at
from trimtab.aws.embedded_metrics import log_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings, load_settings, parameter_name, tell_problem
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.outcome_files import canary_days, outcomes_of_day, read_outcomes
from trimtab.aws.price_lists import PriceLists
from trimtab.aws.state_table import read_state, write_state
from trimtab.aws.training_costs import count_trainings
from trimtab.cost.alert import judge_hours
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.cost.evidence import anomaly_finding, judgement_evidence, price_settings_finding, unknown_price_finding
from trimtab.cost.impact import day_document, days_due, interval_document, last_day, problem_document, with_days
from trimtab.cost.ledger import (
    DAY,
    KEPT,
    Hours,
    changed_months,
    hours_of_documents,
    months_between,
    months_needed,
    unpriced_items,
    with_readings,
)
from trimtab.cost.memory import Memory, ended_if_gone, memory_document, memory_from_document
from trimtab.cost.outcome_values import OutcomeFileError
from trimtab.cost.predictions import hour_metrics, impact_metrics, revenue_impact
from trimtab.cost.prices import Price, Product
from trimtab.cost.reconciliation import (
    billing_document,
    changes_since,
    cost_of_days,
    reconcile_bills,
    reconciliation_finding,
    told_of_bill,
)
from trimtab.cost.request import OutcomeReport, Request
from trimtab.cost.settings import CostSettings
from trimtab.cost.summary import View, account_summary, endpoint_row, rows_to_keep
from trimtab.drift.evidence import settings_finding
from trimtab.drift.windows import whole_hour
from trimtab.findings import Finding, Origin
from trimtab.rollout.request import CANARY
from trimtab.settings import EndpointSettings, TrackCostSettings, is_opted_out, parse_price_settings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

DELAY = timedelta(minutes=5)
"""An hour is counted when it is past by so much: until then CloudWatch may not have all of it."""
RESERVE_MS = 60_000
"""With less time left no other endpoint is begun."""


class EndpointsFailedError(RuntimeError):
    """The cost of some endpoints could not be told; that of all others was."""


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation. `until`: the end of the last hour that is counted."""

    settings: TrackCostSettings
    account: str
    region: str
    now: datetime
    until: datetime
    prices: PriceLists

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name

    @property
    def table(self) -> str:
        return self.settings.state_table_name

    def origin(self, endpoint: str) -> Origin:
        return Origin(self.account, self.region, endpoint, "*")

    def tell(self, findings: Iterable[Finding]) -> None:
        publish_findings(self.settings.findings_bus_name, findings)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    now = datetime.now(UTC)
    run = begin(account, region, now, until=whole_hour(min(request.until or now, now - DELAY)))
    before = cost_documents.read_summary(run.bucket)
    rows = rows_to_keep(before, run.until)
    failed: list[str] = []
    if not request.endpoint and not track_trainings(run):
        failed.append("training jobs")
    names = [request.endpoint] if request.endpoint else dict.fromkeys((*sagemaker.endpoint_names(), *rows))
    tracked, left = track_endpoints(names, context, run)
    failed += left
    told = {name: row for name, row in tracked.items() if row}
    rows = {name: row for name, row in {**rows, **tracked}.items() if row}
    if not request.endpoint and not reconcile_bill(rows, run):
        failed.append("billing reports")
    write_summary(before, rows, run)
    metrics.add_metric("EndpointsTracked", MetricUnit.Count, len(told))
    metrics.add_metric("EndpointsFailed", MetricUnit.Count, len(failed))
    if failed:
        raise EndpointsFailedError(f"not told: {', '.join(failed)}; told: {', '.join(told) or 'none'}")
    if not request.endpoint:
        return {"until": run.until.isoformat(), "endpoints": {name: row["verdict"] for name, row in told.items()}}
    answer: dict[str, Any] = {"until": run.until.isoformat(), "endpoints": told}
    if request.outcomes:
        answer["revenue_impact"] = tell_impact(request.endpoint, request.outcomes)
    return answer


def begin(account: str, region: str, now: datetime, until: datetime) -> Run:
    """A run with what the account says about prices; what of that cannot be used is told once."""
    settings = TrackCostSettings.from_environment(os.environ)
    parameter = f"/{settings.name}/prices"
    own = load_settings(parameter, settings.state_table_name, "prices", parse_price_settings)
    prices = PriceLists(settings.state_bucket_name, region, own.settings, now)
    run = Run(settings, account, region, now, until, prices)
    report_problem("prices", own.problem, parameter, run)
    return run


# --- what endpoints cost ---


def track_endpoints(
    names: Iterable[str], context: LambdaContext, run: Run
) -> tuple[dict[str, dict[str, Any] | None], list[str]]:
    """The rows of these endpoints in the account's view, None: to be left out of it; and the endpoints whose cost could
    not be told."""
    rows: dict[str, dict[str, Any] | None] = {}
    failed: list[str] = []
    for name in names:
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            failed.append(name)
            continue
        try:
            rows[name] = track_endpoint(name, run)
        except Exception:
            # one endpoint must not stop the others; the error raised at the end makes Lambda try again
            logger.exception("Cost could not be told", extra={"endpoint": name})
            failed.append(name)
    return rows, failed


@tracer.capture_method(capture_response=False)
def track_endpoint(name: str, run: Run) -> dict[str, Any] | None:
    """Count and judge the hours of one endpoint; its row in the account's view. None: it is not to be monitored, or
    neither SageMaker nor Trimtab knows it."""
    endpoint = sagemaker.describe_endpoint(name)
    stored = read_state(run.table, f"endpoint#{name}", "cost")
    memory = memory_from_document(stored.content)
    if endpoint is not None:
        if is_opted_out(endpoint.tags):
            return None
        memory = look_at(endpoint, memory, run.settings.tag_keys, run.now)
    elif memory is None:
        return None
    loaded = load_endpoint_settings(run.settings.name, run.table, name)
    report_problem(f"endpoint#{name}", loaded.problem, parameter_name(run.settings.name, name), run, name)
    settings = loaded.settings

    prices = run.prices.prices_of(memory.products(run.region))
    months = cost_documents.read_months(run.bucket, name, months_needed(run.until, settings.cost.baseline_weeks))
    hours = hours_of_documents(months.values())
    if memory.ended is None:
        hours = with_readings(hours, count_hours(name, endpoint, memory, hours, run.until, run.prices))
        for month, changed in changed_months(name, months, hours).items():
            cost_documents.write_month(run.bucket, name, month, changed)
        memory = tell_hours(name, memory, hours, prices, settings, run)
        memory = tell_unpriced(name, memory, hours, run)
    if endpoint is None:
        memory = ended_if_gone(memory, run.until)
    document = memory_document(memory)
    if document != stored.content:
        write_state(run.table, f"endpoint#{name}", "cost", document, after=stored)
    impact = judge_outcomes(name, settings.cost, run)
    return endpoint_row(memory, hours, run.until, prices, impact)


def tell_hours(
    name: str, memory: Memory, hours: Hours, prices: Mapping[Product, Price], settings: EndpointSettings, run: Run
) -> Memory:
    """Judge the hours that have become known, publish them and tell of anomalies; the memory after them."""
    reminder = timedelta(hours=settings.reminder_hours)
    alert, judged = judge_hours(memory.alert, hours, run.until, settings.cost, reminder=reminder, now=run.now)
    verdict, origin = memory.verdict, run.origin(name)
    for each in judged:
        publish(name, hour_metrics(each.hour), each.hour.start)
        verdict = {**judgement_evidence(each.judgement), "reason": each.judgement.reason}
        if each.told:
            told, since = each.told, each.since
            run.tell([anomaly_finding(origin, each.judgement, told, each.hour, prices, since=since, now=run.now)])
    return replace(memory, alert=alert, verdict=verdict)


def tell_unpriced(name: str, memory: Memory, hours: Hours, run: Run) -> Memory:
    """Say once that an endpoint runs on something whose price nobody knows."""
    items = unpriced_items(hour for start, hour in hours.items() if start >= run.until - DAY)
    if items - memory.unpriced:
        products = [product for product in memory.products(run.region) if product.item in items]
        run.tell([unknown_price_finding(run.origin(name), products, bundled_catalogue().as_of, run.now)])
    return replace(memory, unpriced=items)


# --- trainings, bills and the account's view ---


def track_trainings(run: Run) -> bool:
    """Keep what training jobs cost that finished, and publish what spot saved. False: that failed."""
    try:
        rows = count_trainings(run.table, run.prices)
    except Exception:
        # it must not stop the endpoints; the error raised at the end makes Lambda try again
        logger.exception("Training jobs could not be counted")
        return False
    for row in rows:
        ended = datetime.fromisoformat(row["ended"])
        if row["spot"] and ended > run.now - KEPT:
            log_metrics(metrics.provider.namespace, {}, {"SpotSaving": row["saved_usd"]}, ended)
    return True


def reconcile_bill(rows: Iterable[str], run: Run) -> bool:
    """Hold what was computed against AWS's billing reports, when there are new ones. False: that failed."""
    reports = run.settings.billing_reports
    if not reports:
        return True
    try:
        before = cost_documents.read_billing(run.bucket)
        bucket, _, prefix = reports.partition("/")
        month = run.now.replace(day=1)
        files = newest_files(bucket, prefix, months_between(month - DAY, month))
        listed = {key: written.isoformat() for each in files.values() for key, written in each.items()}
        if listed != before.get("files"):
            document = compare_bill(bucket, files, before, frozenset(rows), run)
            cost_documents.write_billing(run.bucket, {**document, "files": listed})
    except Exception:
        # it must not stop the view; the error raised at the end makes Lambda try again
        logger.exception("Billing reports could not be read")
        return False
    return True


def compare_bill(
    bucket: str, files: Mapping[str, Files], before: Mapping[str, Any], counted: frozenset[str], run: Run
) -> dict[str, Any]:
    """Compare every endpoint in the reports and tell where bill and computation differ; the document about it. A file
    that cannot be used leaves its month out."""
    share, source = run.prices.settings.billed_share, f"s3://{run.settings.billing_reports}"
    bills, problems = read_bills(bucket, files, account=run.account, region=run.region)
    if not files:
        problems = ["there are no reports of this month or the one before"]
    for problem in problems:
        logger.warning("Billing report cannot be used", extra={"problem": problem})
    billed = sorted(counted.intersection(name for bill in bills.values() for name in bill.usd))
    computed = {name: cost_of_days(cost_documents.read_hours(run.bucket, name, bills)) for name in billed}
    compared = reconcile_bills(bills, computed, share)
    run.tell(
        reconciliation_finding(run.origin(name), found, state, share, source, run.now)
        for name, found, state in changes_since(before, compared)
    )
    return billing_document(source, bills, compared, problems)


def write_summary(before: Mapping[str, Any], rows: Mapping[str, Any], run: Run) -> None:
    """Store the account's view, unless there is one of a later hour."""
    if before and datetime.fromisoformat(before["until"]) > run.until:
        return
    problem = "; ".join(run.prices.problems)
    if problem:
        logger.warning("Prices could not be read", extra={"problem": problem})
    view = View(run.account, run.region, run.until, bundled_catalogue().as_of.isoformat(), problem)
    billing = told_of_bill(cost_documents.read_billing(run.bucket)) if run.settings.billing_reports else None
    cost_documents.write_summary(run.bucket, account_summary(view, rows, run.settings.tag_keys, billing))


# --- what a canary earned ---


def judge_outcomes(name: str, settings: CostSettings, run: Run) -> dict[str, Any] | None:
    """Tell what a canary earned on the days whose outcomes have been waited for; the last day of which something is
    known. None: none is, or nothing says where outcomes lie."""
    if settings.outcomes is None:
        return None
    stored = cost_documents.read_impact(run.bucket, name)
    known = stored.get("days", {})
    due = days_due(known, run.until, timedelta(days=settings.outcome_days))
    days = canary_days(run.bucket, name, due)
    judged = {day.date().isoformat(): judge_day(name, day, settings.outcomes, run) for day in days}
    if any(known.get(day) != document for day, document in judged.items()):
        stored = with_days(known, judged)
        cost_documents.write_impact(run.bucket, name, stored)
    return last_day(stored)


def judge_day(name: str, day: datetime, outcomes: str, run: Run) -> dict[str, Any]:
    """What a canary earned in a day, published as of its end; the document about it."""
    try:
        values = read_outcomes(outcomes, day)
    except OutcomeFileError as error:
        logger.warning("Outcomes cannot be used", extra={"endpoint": name, "problem": str(error)})
        return problem_document(str(error))
    end = day + DAY
    canary, production = outcomes_of_day(run.bucket, name, values, day)
    document, impact = day_document(canary, production, count_predictions(name, CANARY, day, end))
    if impact:
        publish(name, impact_metrics(impact), end)
    return document


def tell_impact(endpoint: str, report: OutcomeReport) -> dict[str, Any]:
    """Publish what a canary's predictions earned beyond production's, with its interval. None: too few outcomes, or
    nobody knows how many predictions there were."""
    predictions = count_predictions(endpoint, report.canary.variant, report.since, report.until)
    impact = revenue_impact(report.canary.outcomes, report.production.outcomes, predictions)
    if impact:
        publish(endpoint, impact_metrics(impact), report.until)
    return {"predictions": predictions, **interval_document(impact)}


# --- what all of it is told with ---


def publish(endpoint: str, values: Mapping[str, float], at: datetime) -> None:
    """Publish metrics of an endpoint as of a moment. What is not known is not among them."""
    log_metrics(metrics.provider.namespace, {"EndpointName": endpoint}, values, at)


def report_problem(partition: str, problem: str, parameter: str, run: Run, endpoint: str = "") -> None:
    """Tell people once when settings cannot be used, and once when they can be again."""
    finding = settings_finding if endpoint else price_settings_finding

    def tell_it(occasion: str) -> None:
        run.tell([finding(run.origin(endpoint), problem, parameter, occasion, run.now)])

    tell_problem(run.table, partition, problem, tell_it)
