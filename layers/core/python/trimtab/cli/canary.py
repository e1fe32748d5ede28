"""`trimtab canary`: judges the minutes of a canary as judge_canary would, with nothing deployed."""

import argparse
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from trimtab.cli.minute_series import NEEDED, SLOW, read_minute_series
from trimtab.cli.options import InputError, settings_of_file
from trimtab.cli.output import aligned, count, figure, print_json, share, tell
from trimtab.rollout.judgement import judge
from trimtab.rollout.power import PowerRow, power_table
from trimtab.rollout.series import Series
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.verdict import Decision, Evidence, Judgement
from trimtab.validation import faults_of

EXIT_CODES = {Decision.PROMOTE: 0, Decision.ROLL_BACK: 3, Decision.HOLD: 4, Decision.INCONCLUSIVE: 4}


def add_canary_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "canary",
        help="is a canary worse than production?",
        description=f"Judges a CSV file of minutes. Columns: {', '.join(NEEDED)}, and optionally {', '.join(SLOW)}. "
        "Exit code: 0 promote, 3 roll back, 4 undecided, 2 bad input.",
    )
    parser.add_argument("series", metavar="SERIES.csv", help="one line per minute")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument("--settings", metavar="FILE", help="settings of an endpoint, YAML or JSON (docs/settings.md)")
    parser.add_argument("--margin", type=float, metavar="M", help="a canary with so many times the errors is no worse")
    parser.add_argument("--policy", choices=("sequential", "ratio"), help="how it is judged")
    parser.add_argument("--share", type=float, metavar="S", help="the canary's weight, 0 to 1, to check its traffic by")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the decision; its exit code. Raises InputError, OSError."""
    thresholds = _thresholds(arguments)
    if arguments.share is not None and not 0 < arguments.share < 1:
        raise InputError(f"--share {arguments.share:g}: a share between 0 and 1 is expected")
    series = read_minute_series(arguments.series, arguments.share)
    judgement = judge_all(series, thresholds)
    if arguments.json:
        print_json(judgement_document(judgement, thresholds))
    else:
        _print_judgement(judgement, thresholds)
    return EXIT_CODES[judgement.decision]


def judge_all(series: Series, thresholds: CanaryThresholds) -> Judgement:
    """The judgement once every minute of the series is complete."""
    last = max(minute.at for minute in series.minutes)
    return judge(series, thresholds, last + timedelta(minutes=thresholds.publish_delay_minutes))


def judgement_document(judgement: Judgement, thresholds: CanaryThresholds) -> dict[str, Any]:
    """The result as plain JSON values."""
    evidence = judgement.evidence
    low, high = evidence.interval
    return {
        "decision": judgement.decision.value,
        "rule": judgement.rule,
        "reason": judgement.reason,
        "minutes": evidence.minutes,
        "relative_risk": {"estimate": evidence.relative_risk, "lower": low, "upper": high},
        "naive": {
            "rule": f"canary error rate > {thresholds.margin:g} × production error rate",
            "decision": evidence.ratio_rule.value,
            "false_alarm_rate": evidence.ratio_rule_false_alarms,
        },
        "needed": {"canary_requests": evidence.requests_needed, "minutes": evidence.estimated_minutes},
        "power": [asdict(row) for row in power_rows(evidence, thresholds)],
        "evidence": asdict(evidence),
    }


def power_rows(evidence: Evidence, thresholds: CanaryThresholds) -> tuple[PowerRow, ...]:
    """What it takes at this traffic to find canaries that are so much worse; empty before there is any traffic."""
    requests = evidence.canary_requests + evidence.production_requests
    if not evidence.production_error_rate or not 0 < evidence.canary_requests < requests:
        return ()
    return power_table(
        error_rate=evidence.production_error_rate,
        share=evidence.canary_requests / requests,
        canary_requests_per_minute=evidence.canary_requests / evidence.minutes,
        margin=thresholds.margin,
        level=thresholds.looks[0][1],
    )


def _thresholds(arguments: argparse.Namespace) -> CanaryThresholds:
    thresholds = settings_of_file(arguments.settings).rollout.thresholds
    given = {name: getattr(arguments, name) for name in ("margin", "policy") if getattr(arguments, name) is not None}
    try:
        return CanaryThresholds.model_validate(thresholds.model_dump() | given)
    except ValidationError as error:
        told = faults_of(error, with_paths=False)
        raise InputError(f"{', '.join(f'--{name} {value}' for name, value in given.items())}: {told}") from error


def _print_judgement(judgement: Judgement, thresholds: CanaryThresholds) -> None:
    evidence = judgement.evidence
    tell(f"{judgement.decision.value}: {judgement.reason}")
    tell("")
    for name, text in _lines(evidence, thresholds):
        tell(f"{name:<17}{text}")
    rows = [
        (f"{row.relative_risk:g} ×", f"{row.canary_requests:,}", f"{row.minutes:,.0f}" if row.minutes else "")
        for row in power_rows(evidence, thresholds)
    ]
    if rows:
        tell("")
        tell("\n".join(aligned(("to find, 4 times of 5, errors of", "requests to the canary", "minutes"), rows)))


def _lines(evidence: Evidence, thresholds: CanaryThresholds) -> list[tuple[str, str]]:
    canary = _rate(evidence.canary_errors, evidence.canary_requests, evidence.canary_error_rate)
    production = _rate(evidence.production_errors, evidence.production_requests, evidence.production_error_rate)
    lines = [
        ("minutes", f"{evidence.minutes:,}"),
        ("canary", canary),
        ("production", production),
        ("relative risk", _risk(evidence.relative_risk, evidence.interval)),
        ("evidence of harm", _evidence(evidence.ln_e_harm, evidence.ln_e_alarm)),
    ]
    if evidence.slow_interval is not None and evidence.ln_e_harm_slow is not None:
        slow = f"{evidence.canary_slow:,} of the canary's requests, {evidence.production_slow:,} of production's"
        lines += [
            ("slow requests", f"{slow}; relative risk {_risk(evidence.slow_relative_risk, evidence.slow_interval)}"),
            ("evidence of slow", _evidence(evidence.ln_e_harm_slow, evidence.ln_e_alarm)),
        ]
    lines.append(
        (
            "simple rule",
            f"error rate > {thresholds.margin:g} × production's: {evidence.ratio_rule.value}; with this traffic it "
            f"rolls back {share(evidence.ratio_rule_false_alarms)} of models that are identical",
        )
    )
    return [*lines, ("still needed", _needed(evidence))]


def _rate(errors: int, requests: int, rate: float | None) -> str:
    return f"{count(errors, 'error')} in {count(requests, 'request')}" + (
        f", {share(rate)}" if rate is not None else ""
    )


def _risk(estimate: float | None, interval: tuple[float, float | None]) -> str:
    low, high = interval
    return f"{figure(estimate) or 'unknown'}, between {low:.3g} and {figure(high) or 'anything'} (95 %, at any time)"


def _evidence(ln_e: float, alarm: float) -> str:
    return f"ln E = {ln_e:.2f}; from {alarm:.2f} on it is rolled back"


def _needed(evidence: Evidence) -> str:
    if evidence.requests_needed is None:
        return "unknown: no requests yet"
    if evidence.requests_needed == 0:
        return "nothing: a canary like production can be promoted at this traffic"
    time = f", about {evidence.estimated_minutes:,.0f} minutes" if evidence.estimated_minutes is not None else ""
    return f"{count(evidence.requests_needed, 'request')} to the canary{time}, if it is like production"
