"""Why a row of the decision table decided, in one sentence with the numbers."""

from math import log

from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.verdict import Evidence


def of_data(evidence: Evidence, _thresholds: CanaryThresholds) -> str:
    """The metrics are not whole."""
    return f"the metrics are not whole after {evidence.minutes} minutes, so nothing can be said"


def of_guardrail(evidence: Evidence, thresholds: CanaryThresholds) -> str:
    """The canary fails too often, production does not."""
    return (
        f"{_rates(evidence)}; the canary's rate is above {_percent(thresholds.max_error_rate)} for certain, and the "
        f"evidence of harm (ln E {evidence.ln_e_harm:.2f}) above {-log(thresholds.guardrail_level):.2f}"
    )


def of_incident(evidence: Evidence, thresholds: CanaryThresholds) -> str:
    """Both fail too often."""
    return (
        f"both variants fail above {_percent(thresholds.max_error_rate)} ({_rates(evidence)}), and their relative risk "
        f"may be 1 ({_interval(evidence.interval)}): rolling back would not help"
    )


def of_harm(evidence: Evidence, thresholds: CanaryThresholds) -> str:
    """Overwhelming evidence."""
    if evidence.ln_e_harm >= evidence.ln_e_alarm:
        return (
            f"{_rates(evidence)}; the evidence that the relative risk is above {thresholds.margin:g} (ln E "
            f"{evidence.ln_e_harm:.2f}) reached {evidence.ln_e_alarm:.2f}"
        )
    return (
        f"{_slow(evidence)}; the evidence that the relative risk is above {thresholds.slow_margin:g} (ln E "
        f"{evidence.ln_e_harm_slow or 0.0:.2f}) reached {evidence.ln_e_alarm:.2f}"
    )


def of_misrouting(evidence: Evidence, _thresholds: CanaryThresholds) -> str:
    """The split of requests is wrong."""
    return (
        f"the canary got {evidence.canary_requests:,} of {evidence.canary_requests + evidence.production_requests:,} "
        f"requests, which is not what the weights say (z {evidence.sample_ratio_z or 0.0:.1f} in the last hour)"
    )


def of_harm_at_look(evidence: Evidence, _thresholds: CanaryThresholds) -> str:
    """A planned look found harm."""
    return f"at minute {evidence.look}: {_rates(evidence)}, {_p('harm', evidence.p_harm, evidence.p_harm_slow)}"


def of_safety(evidence: Evidence, thresholds: CanaryThresholds) -> str:
    """Overwhelming evidence that the canary is acceptable."""
    return (
        f"{_rates(evidence)}; the evidence that the relative risk is below {thresholds.unacceptable:g} (ln E "
        f"{evidence.ln_e_safe:.2f}) reached {-log(thresholds.promotion_level):.2f}"
    )


def of_safety_at_look(evidence: Evidence, thresholds: CanaryThresholds) -> str:
    """A look found the canary acceptable."""
    if (evidence.p_safe or 0.0) < thresholds.promotion_level:
        found = _p(f"a relative risk of {thresholds.unacceptable:g}", evidence.p_safe, evidence.p_safe_slow)
    else:
        found = f"the canary's rate is at most {_percent(evidence.highest_rate)} (95 %)"
    return f"at minute {evidence.look}: {_rates(evidence)}, {found}"


def of_few_requests(evidence: Evidence, _thresholds: CanaryThresholds) -> str:
    """The time is over without traffic."""
    return (
        f"the canary got {evidence.canary_requests:,} requests in {evidence.minutes} minutes, too few to say anything"
    )


def of_no_harm(evidence: Evidence, _thresholds: CanaryThresholds) -> str:
    """The time is over, no sign of harm."""
    return (
        f"undecided after {evidence.minutes} minutes, without a sign of harm: {_rates(evidence)}, "
        f"{_interval(evidence.interval)}"
    )


def of_deadline(evidence: Evidence, _thresholds: CanaryThresholds) -> str:
    """The time is over."""
    interval = _interval(evidence.interval)
    return f"undecided after {evidence.minutes} minutes: {_rates(evidence)}, {interval}{_missing(evidence)}"


def of_ratio(evidence: Evidence, thresholds: CanaryThresholds) -> str:
    """The simple rule."""
    return (
        f"{_rates(evidence)}, compared once with a margin of {thresholds.margin:g}; at this traffic that rolls back "
        f"{_percent(evidence.ratio_rule_false_alarms)} of identical models"
    )


def of_waiting(evidence: Evidence, _thresholds: CanaryThresholds) -> str:
    """Nothing decides yet."""
    if not evidence.minutes:
        return "no complete minute yet"
    return f"not decided after {evidence.minutes} minutes: {_rates(evidence)}{_missing(evidence)}"


def _missing(evidence: Evidence) -> str:
    if not evidence.requests_needed:
        return ""
    minutes = evidence.estimated_minutes
    pace = "" if minutes is None else f", about {minutes:,.0f} minutes"
    return f"; about {evidence.requests_needed:,} more requests to the canary are needed{pace}"


def _rates(evidence: Evidence) -> str:
    canary = _share(evidence.canary_errors, evidence.canary_requests, evidence.canary_error_rate)
    return f"canary {canary} errors, production " + _share(
        evidence.production_errors, evidence.production_requests, evidence.production_error_rate
    )


def _slow(evidence: Evidence) -> str:
    return f"canary {evidence.canary_slow:,} slow requests, production {evidence.production_slow:,}"


def _share(count: int, of: int, rate: float | None) -> str:
    return f"{count:,} of {of:,}" + ("" if rate is None else f" ({_percent(rate)})")


def _p(what: str, p: float | None, slow: float | None) -> str:
    return f"p of {what} {p or 0.0:.2g}" + ("" if slow is None else f", of slow requests {slow:.2g}")


def _interval(interval: tuple[float, float | None]) -> str:
    lower, upper = interval
    return f"relative risk {lower:.2f} to {'any' if upper is None else f'{upper:.2f}'}"


def _percent(fraction: float | None) -> str:
    return f"{100 * (fraction or 0.0):.3g} %"
