"""Whether a training may be started now: the guards, in their order, each with the numbers it rests on.

A guard never trusts what it is not told: an unknown number of labels, an unknown price or a list of executions that
could not be read refuses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from trimtab.training.drift_helped import Outcome, in_vain
from trimtab.training.settings import GuardSettings
from trimtab.training.trigger import Trigger

type AttemptState = Literal["intended", "started", "failed", "gate_failed", "registered", "released"]
type Numbers = Mapping[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One start of a training. `intended`: written down before the call, and nobody knows whether that was made."""

    token: str
    at: datetime
    state: AttemptState


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the guards look at. None: not known.

    `new_rows`: labelled rows since the model's training data; `rows_per_class`: the same by class, {} where there are
    no classes. `running`: executions or jobs in progress; `locks`: what else is being done to the endpoint or the model
    group. `cost_usd`: of the training, estimated; `spent_usd`: of this calendar month. `quality_drop`: accuracy lost
    (regression: error gained) on labelled rows. `outcomes`: whether earlier retrainings helped, oldest first.
    """

    trigger: Trigger
    now: datetime
    new_rows: int | None
    rows_per_class: Mapping[str, int] | None
    attempts: tuple[Attempt, ...] = ()
    last_release: datetime | None = None
    running: tuple[str, ...] | None = ()
    locks: tuple[str, ...] = ()
    cost_usd: float | None = None
    spent_usd: float | None = 0.0
    predictions_per_month: float | None = None
    quality_drop: float | None = None
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """What one guard says. `code`: why it refuses, in one word for metrics ("" when it lets pass)."""

    guard: str
    code: str
    reason: str
    numbers: Numbers = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the guard lets the training start."""
        return not self.code


type Guard = Callable[[Situation, GuardSettings], GuardVerdict]


class StartAction(StrEnum):
    """START: write the intent, then call. RESUME: make the call of an intent that was written (again)."""

    START = "start"
    RESUME = "resume"
    NOTHING = "nothing"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class StartDecision:
    """What to do about a trigger. `token`: of the start to make. `verdicts`: of all guards, where they were asked."""

    action: StartAction
    token: str
    reason: str
    verdicts: tuple[GuardVerdict, ...] = ()

    @property
    def refusals(self) -> tuple[GuardVerdict, ...]:
        """The guards that refuse, in their order."""
        return tuple(each for each in self.verdicts if not each.passed)


def decide_start(situation: Situation, token: str, settings: GuardSettings) -> StartDecision:
    """Whether the training that `token` stands for is to be started.

    A fact has one token and one start. An intent whose call may not have been made comes first, whichever fact it is
    of: its call is repeated with its own token, which SageMaker answers with the same execution.
    """
    own = next((each for each in situation.attempts if each.token == token), None)
    if own is not None and own.state != "intended":
        return StartDecision(StartAction.NOTHING, token, f"this fact already led to a training, which is {own.state}")
    intended = own or next((each for each in situation.attempts if each.state == "intended"), None)
    if intended is not None:
        return StartDecision(StartAction.RESUME, intended.token, f"a start intended at {intended.at:%F %R} is finished")
    verdicts = check_guards(situation, settings)
    refusals = [each for each in verdicts if not each.passed]
    if refusals:
        return StartDecision(StartAction.REFUSE, token, "; ".join(each.reason for each in refusals), verdicts)
    return StartDecision(StartAction.START, token, "; ".join(each.reason for each in verdicts), verdicts)


def check_guards(situation: Situation, settings: GuardSettings) -> tuple[GuardVerdict, ...]:
    """What every guard says, in their order."""
    return tuple(guard(situation, settings) for guard in GUARDS)


def cause(situation: Situation, settings: GuardSettings) -> GuardVerdict:
    """A drift that lasts (raised by k of m windows), a significant loss of quality, or a person's request.

    Data that is missing, unreadable or in another unit is to be mended, not to be learnt; nor is a loss of quality that
    comes with it alone.
    """
    del settings
    trigger = situation.trigger
    if trigger.kind == "data_quality":
        return _refuse("cause", "data_quality", "the data is at fault, not the model: its owner has to mend it")
    if trigger.kind not in {"drift", "model_quality", "request"}:
        return _refuse("cause", "no_cause", f"a {trigger.kind} finding is no reason to retrain")
    if trigger.state == "cleared":
        return _refuse("cause", "cleared", f"the {trigger.kind} finding is cleared")
    if trigger.kind == "model_quality" and trigger.faulty and not trigger.moved:
        what = f"of the inputs only {', '.join(trigger.faulty)} changed"
        return _refuse("cause", "data_quality", f"{what}, the data of which is at fault: its owner has to mend it")
    if trigger.kind == "drift" and not trigger.moved:
        what = f"only {', '.join(trigger.faulty)}" if trigger.faulty else "no column"
        fault = "the data of which is at fault: its owner has to mend it" if trigger.faulty else "so nothing drifted"
        return _refuse("cause", "data_quality" if trigger.faulty else "no_cause", f"{what} alerts, {fault}")
    return _pass("cause", f"{trigger.kind} {trigger.state}: {trigger.reason}", {"columns_moved": len(trigger.moved)})


def labels(situation: Situation, settings: GuardSettings) -> GuardVerdict:
    """Enough new labelled rows, of every class; else the training would make the old model again."""
    rows, classes = situation.new_rows, situation.rows_per_class
    if rows is None or classes is None:
        return _refuse("labels", "labels_unknown", "how many labelled rows are new is not known")
    fewest = min(classes, key=lambda name: (classes[name], name), default=None)
    numbers = {
        "new_rows": rows,
        "min_new_rows": settings.min_new_rows,
        "fewest_of_a_class": None if fewest is None else classes[fewest],
        "min_rows_per_class": settings.min_rows_per_class,
    }
    if rows < settings.min_new_rows:
        reason = f"{rows:,} labelled rows are new, {settings.min_new_rows:,} are needed"
        return _refuse("labels", "few_labels", reason, numbers)
    if fewest is not None and classes[fewest] < settings.min_rows_per_class:
        reason = f"{classes[fewest]:,} new rows are of class {fewest}, {settings.min_rows_per_class:,} are needed"
        return _refuse("labels", "few_of_a_class", reason, numbers)
    return _pass("labels", f"{rows:,} labelled rows are new", numbers)


def cooldown(situation: Situation, settings: GuardSettings) -> GuardVerdict:
    """Rest after attempts, doubled by each gate that failed in a row, and after releases; few attempts in some days."""
    now, attempts = situation.now, sorted(situation.attempts, key=lambda each: each.at)
    rest = attempt_rest(attempts, settings)
    last = attempts[-1].at if attempts else None
    released, release_rest = situation.last_release, timedelta(hours=settings.release_cooldown_hours)
    period = timedelta(days=settings.attempts_days)
    recent = sum(now - each.at < period for each in attempts)
    numbers = {
        "hours_since_attempt": None if last is None else _hours(now - last),
        "rest_hours": _hours(rest),
        "hours_since_release": None if released is None else _hours(now - released),
        "recent_attempts": recent,
        "max_attempts": settings.max_attempts,
    }
    if last is not None and now - last < rest:
        reason = f"the last attempt was {_hours(now - last):g} hours ago, {_hours(rest):g} are to pass"
        return _refuse("cooldown", "cooldown", reason, numbers)
    if released is not None and now - released < release_rest:
        reason = f"the last release was {_hours(now - released):g} hours ago, {_hours(release_rest):g} are to pass"
        return _refuse("cooldown", "release_cooldown", reason, numbers)
    if recent >= settings.max_attempts:
        reason = f"{recent} attempts in {settings.attempts_days} days, {settings.max_attempts} are allowed"
        return _refuse("cooldown", "attempts", reason, numbers)
    return _pass("cooldown", f"{recent} attempts in {settings.attempts_days} days", numbers)


def attempt_rest(attempts: Sequence[Attempt], settings: GuardSettings) -> timedelta:
    """How long to rest after the last attempt: doubled by each gate failure that no better attempt followed."""
    failures = 0
    for each in sorted(attempts, key=lambda each: each.at):
        if each.state == "gate_failed":
            failures += 1
        elif each.state in {"registered", "released"}:
            failures = 0
    most = settings.max_cooldown_hours
    return timedelta(hours=min(settings.attempt_cooldown_hours * 2.0 ** min(failures, 30), most))


def concurrency(situation: Situation, settings: GuardSettings) -> GuardVerdict:
    """No other training in progress, and nothing else being done to the endpoint."""
    del settings
    if situation.running is None:
        return _refuse("concurrency", "running_unknown", "whether a training runs already could not be read")
    busy = (*situation.running, *situation.locks)
    if busy:
        return _refuse("concurrency", "busy", f"{', '.join(busy)} is in progress", {"in_progress": len(busy)})
    return _pass("concurrency", "nothing else is in progress", {"in_progress": 0})


def budget(situation: Situation, settings: GuardSettings) -> GuardVerdict:
    """The estimated cost fits into what is left of the month's budget."""
    cost, spent = situation.cost_usd, situation.spent_usd
    numbers = {"cost_usd": cost, "spent_usd": spent, "monthly_usd": settings.monthly_usd}
    if cost is None or spent is None:
        what = "the cost of the training" if cost is None else "what this month's trainings cost"
        return _refuse("budget", "cost_unknown", f"{what} is not known", numbers)
    left = settings.monthly_usd - spent
    if cost > left:
        reason = f"it would cost ${cost:,.2f}, ${max(left, 0):,.2f} of ${settings.monthly_usd:,.2f} a month are left"
        return _refuse("budget", "budget", reason, numbers)
    return _pass("budget", f"it costs ${cost:,.2f} of the ${left:,.2f} that are left this month", numbers)


def worth_it(situation: Situation, settings: GuardSettings) -> GuardVerdict:
    """The errors that a better model saves cost more than its training.

    gain = lost quality · recovered share · predictions a month · months · USD per error. Not judged without a price of
    an error.
    """
    price = settings.usd_per_error
    if price is None:
        return _pass("worth_it", "not judged: usd_per_error is not set")
    drop, predictions, cost = situation.quality_drop, situation.predictions_per_month, situation.cost_usd
    numbers: dict[str, float | int | str | None] = {
        "quality_drop": drop,
        "recovered_share": settings.recovered_share,
        "predictions_per_month": predictions,
        "months": settings.worth_months,
        "usd_per_error": price,
        "cost_usd": cost,
        "min_gain_ratio": settings.min_gain_ratio,
    }
    if drop is None or predictions is None or cost is None:
        named = {"the loss of quality": drop, "the traffic": predictions, "the cost": cost}
        missing = " and ".join(name for name, value in named.items() if value is None)
        return _refuse("worth_it", "worth_unknown", f"{missing} is not known, so nor is the gain", numbers)
    errors = max(drop, 0.0) * settings.recovered_share * predictions * settings.worth_months
    gain = errors * price
    numbers["gain_usd"] = gain
    reason = f"{errors:,.0f} fewer errors are worth ${gain:,.2f}, the training costs ${cost:,.2f}"
    if gain < settings.min_gain_ratio * cost:
        return _refuse("worth_it", "not_worth_it", reason, numbers)
    return _pass("worth_it", reason, numbers)


def helps(situation: Situation, settings: GuardSettings) -> GuardVerdict:
    """The last retrainings helped. A person who asks for one may try again."""
    vain = in_vain(situation.outcomes)
    numbers = {"in_vain": vain, "stop_after": settings.stop_after}
    if vain >= settings.stop_after and situation.trigger.kind != "request":
        reason = f"the last {vain} retrainings did not help: somebody has to look before another"
        return _refuse("helps", "in_vain", reason, numbers)
    return _pass("helps", f"{vain} retrainings in a row did not help", numbers)


GUARDS: tuple[Guard, ...] = (cause, labels, cooldown, concurrency, budget, worth_it, helps)
"""In the order in which their refusals are told."""


def _pass(guard: str, reason: str, numbers: Numbers | None = None) -> GuardVerdict:
    return GuardVerdict(guard, "", reason, numbers or {})


def _refuse(guard: str, code: str, reason: str, numbers: Numbers | None = None) -> GuardVerdict:
    return GuardVerdict(guard, code, reason, numbers or {})


def _hours(time: timedelta) -> float:
    return round(time / timedelta(hours=1), 2)
