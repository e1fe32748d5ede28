"""Whether an alarm on an endpoint is answered by putting back the configuration that was last known to be good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from trimtab.drift.proportions import wilson_lower
from trimtab.rollout.alarm_event import ALARM, AlarmChange
from trimtab.rollout.good_configs import ConfigHistory
from trimtab.rollout.observed import IN_SERVICE
from trimtab.rollout.rollback_settings import RollbackSettings

BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
"""States of an endpoint in which SageMaker refuses another update."""
LEVEL = 0.05
"""Error level of "certainly": an error rate is too high when its lower bound at this level is."""
ALIKE = 2.0
"""Error rates are equally bad when none is more than so many times another: the judge's unacceptable ratio."""


class Answer(StrEnum):
    """RESTORE: put the good configuration back. WAIT: the endpoint is being updated; decide when it is not any more.
    REFUSE: do nothing, and say why. LEAVE: nothing is to be done, and nobody needs to be told."""

    RESTORE = "restore"
    WAIT = "wait"
    REFUSE = "refuse"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer to an alarm. `rule` names the row that decided, `reason` says why in a sentence. `good` is the
    configuration to put back, "" unless the answer is RESTORE."""

    answer: Answer
    rule: str
    reason: str
    good: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """How one variant, or one endpoint, does. `latency`: the alarm's own statistic in microseconds. None: not known."""

    name: str
    requests: float | None
    errors: float | None
    latency: float | None = None

    @property
    def error_rate(self) -> float | None:
        """Errors per request; None when it is not known."""
        if self.requests is None or self.errors is None or self.requests < 1:
            return None
        return min(1.0, self.errors / self.requests)

    def fails(self, rate: float) -> bool:
        """Whether certainly a greater share than `rate` of the requests failed."""
        if self.error_rate is None or self.requests is None:
            return False
        return wilson_lower(round(self.error_rate * self.requests), round(self.requests), LEVEL) > rate


def together(name: str, variants: Sequence[Health]) -> Health:
    """How an endpoint does, from those of its variants that are known; not known when none is."""
    known = [(each.requests, each.errors) for each in variants if each.requests is not None and each.errors is not None]
    if not known:
        return Health(name, None, None)
    return Health(name, sum(requests for requests, _ in known), sum(errors for _, errors in known))


def decide(
    alarm: AlarmChange,
    *,
    status: str,
    history: ConfigHistory,
    good: str,
    changing: str,
    sickness: str,
    settings: RollbackSettings,
    now: datetime,
) -> Decided:
    """What to do about an alarm; the first row that holds decides.

    `status`: the endpoint's, as DescribeEndpoint spells it. `good`: the configuration that could be put back, "" when
    there is none. `changing`: what is being done to the endpoint already, "" when nothing is. `sickness`: why the
    environment as a whole is taken to be ill, "" when it is not.
    """
    if alarm.state != ALARM:
        return Decided(Answer.LEAVE, "no alarm", f"The alarm is {alarm.state}: there is nothing to do, nor to undo.")
    if alarm.is_suppressed:
        return Decided(Answer.LEAVE, "suppressed", "The alarm's actions are suppressed by its owner.")
    if changing:
        return Decided(Answer.LEAVE, "change in progress", f"{changing} is in progress on the endpoint.")
    if status in BUSY:
        return Decided(Answer.WAIT, "being updated", f"The endpoint is {status}: SageMaker takes no other update now.")
    if status != IN_SERVICE:
        return _refuse("not in service", f"the endpoint is {status}, which no update mends")
    present = history.present
    if present is None:
        return _refuse("no good config", "Trimtab has not yet seen the endpoint in service")
    if history.undone and history.undone.since <= alarm.since <= history.undone.until:
        return Decided(Answer.LEAVE, "answered", f"SageMaker took {history.undone.config} back since the alarm began.")
    if alarm.since < present.since:
        if present.is_put_back:
            return Decided(Answer.LEAVE, "answered", f"{present.config} was put back since the alarm began.")
        return _refuse(
            "alarm before deployment",
            f"the alarm began at {_minute(alarm.since)}, before {present.config} was deployed at "
            f"{_minute(present.since)}: that deployment cannot be its cause",
        )
    if present.is_put_back:
        return _refuse(
            "already put back",
            f"{present.config} was itself put back at {_minute(present.since)}; whether to go back further is for a "
            "person to decide",
        )
    if alarm.since - present.since > timedelta(hours=settings.max_age_hours):
        return _refuse(
            "deployment too old",
            f"{present.config} had served for {_hours(alarm.since - present.since)} when the alarm began, and only the "
            f"first {settings.max_age_hours:g} hours of a deployment are answered by going back",
        )
    if not good:
        itself = ", though it was itself" if present.seen_good else ""
        return _refuse("no good config", f"no configuration before {present.config} is known to be good{itself}")
    if sickness:
        return _refuse("environment", f"{sickness}: the environment is ill, and another configuration would not help")
    age = _hours(max(now, alarm.since) - present.since)
    return Decided(
        Answer.RESTORE,
        "restore",
        f"The alarm began {_hours(alarm.since - present.since)} after {present.config} was deployed ({age} ago), and "
        f"{good} was good before.",
        good,
    )


def environment_sickness(
    variants: Sequence[Health],
    others: Sequence[Health],
    settings: RollbackSettings,
    latency_limit: float | None = None,
) -> str:
    """Why the environment as a whole is taken to be ill, "" when nothing says so.

    It is when the endpoint has several variants that are equally bad, or when most of the `others` (endpoints) with
    requests fail too. `latency_limit`: the alarm's threshold in microseconds, when the alarm is about latency.
    """
    if latency_limit is not None:
        slow = [each for each in variants if each.latency is not None]
        if len(slow) > 1 and all(each.latency is not None and each.latency > latency_limit for each in slow):
            figures = ", ".join(f"{each.name} {(each.latency or 0) / 1000:,.0f} ms" for each in slow)
            return f"every variant is too slow ({figures})"
    rates = [(each, each.error_rate) for each in variants]
    known = [(each, rate) for each, rate in rates if rate is not None]
    if len(known) > 1 and all(each.fails(settings.max_error_rate) for each, _ in known):
        lowest, highest = min(rate for _, rate in known), max(rate for _, rate in known)
        if highest <= ALIKE * lowest:
            return f"every variant fails alike ({', '.join(f'{each.name} {rate:.1%}' for each, rate in known)})"
    asked = [each for each in others if each.error_rate is not None]
    failing = [each for each in asked if each.fails(settings.max_error_rate)]
    if failing and 2 * len(failing) > len(asked):
        named = ", ".join(f"{each.name} {each.error_rate:.1%}" for each in failing[:5])
        return f"{len(failing)} of the {len(asked)} other endpoints with requests fail too ({named})"
    return ""


def _refuse(rule: str, why: str) -> Decided:
    return Decided(Answer.REFUSE, rule, f"Nothing was put back: {why}.")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _hours(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:,.0f} minutes" if minutes < 120 else f"{minutes / 60:,.1f} hours"
