"""What is simulated of the canary judge, and the bars that its figures must not miss."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import hypot
from typing import Any

from bench.canary_figures import share
from bench.canary_traffic import Latency, Scenario

ERROR_RATES = (0.001, 0.01, 0.05)
REQUESTS_PER_SECOND = (1, 10, 100, 1000)
RELATIVE_RISKS = (1.0, 1.1, 1.5, 2.0, 5.0, 10.0)
MARGIN = 1.1
RUNS, HARMLESS_RUNS, QUICK_RUNS = 2000, 5000, 250

REQUIRED_POWER = {
    # error rate, requests per second: % rolled back within 240 minutes at relative risks 1.5, 2, 5, 10
    (0.001, 1): (0.5, 2.4, 47.1, 97.4),
    (0.001, 10): (3.0, 15.3, 96.2, 100.0),
    (0.001, 100): (43.1, 96.4, 100.0, 100.0),
    (0.001, 1000): (100.0, 100.0, 100.0, 100.0),
    (0.01, 1): (15.4, 60.2, 100.0, 100.0),
    (0.01, 10): (44.1, 98.0, 100.0, 100.0),
    (0.01, 100): (100.0, 100.0, 100.0, 100.0),
    (0.01, 1000): (100.0, 100.0, 100.0, 100.0),
    (0.05, 1): (40.0, 95.5, 100.0, 100.0),
    (0.05, 10): (99.1, 100.0, 100.0, 100.0),
    (0.05, 100): (100.0, 100.0, 100.0, 100.0),
    (0.05, 1000): (100.0, 100.0, 100.0, 100.0),
}
"""From the design's own simulation of the same rule (its specification of the canary decision, §B.6, column "REC
rollback ≤240 min %"), with the canary promoted or rolled back for good at its first decision."""
REQUIRED_POWER_ELSEWHERE = {"ramp": 100.0, "late onset": 100.0}
"""The same of §B.7 (ratio 1.5) and of the late onset in §B.6 (ratio 5)."""
REQUIRED_POWER_RUNS = 1000
"""Behind each of these figures, which have a Monte-Carlo error too."""
ALLOWED_DEVIATIONS = 3.0
"""Power may fall short by so many standard errors of the difference: there are some fifty comparisons."""
JUDGE_MILLISECONDS = 20.0


@dataclass(frozen=True)
class Bar:
    """A figure of the rule that must be at most (`is_most`) or at least `limit`. `allowed`: Monte-Carlo error."""

    what: str
    figure: str
    limit: float
    is_most: bool
    allowed: float = 0.0

    def holds(self, value: float) -> bool:
        """Whether the figure is on the right side, or so close that it may be chance."""
        return value <= self.limit + self.allowed if self.is_most else value >= self.limit - self.allowed


def scenarios(*, quick: bool = False) -> list[Scenario]:
    """All of them, those of one group side by side. Figures near a bar get more runs."""
    planned = [*_steady(), *_ramp(), *_bursts(), *_late_onset(), *_slow()]
    return [replace(each, runs=QUICK_RUNS) for each in planned] if quick else planned


def is_harmful(scenario: Scenario) -> bool:
    """Whether it ought to be rolled back."""
    return scenario.relative_risk > MARGIN or (scenario.latency is not None and scenario.latency.factor > 1)


def bars(scenario: Scenario, figures: dict[str, Any], *, quick: bool = False) -> list[Bar]:
    """What must hold of our figures of a scenario, by the name of the figure.

    False rollbacks are held to the letter, of canaries that nothing promotes, but for the few runs of `quick`.
    """
    if is_harmful(scenario):
        required = _required_power(scenario)
        if required is None:
            return []
        theirs = share(required * REQUIRED_POWER_RUNS, REQUIRED_POWER_RUNS)["se"]
        allowed = ALLOWED_DEVIATIONS * hypot(figures["rolled_back"]["se"], theirs)
        return [Bar("power", "rolled_back", required, is_most=False, allowed=allowed)]

    def most(what: str, figure: str, limit: float) -> Bar:
        return Bar(what, figure, limit, True, ALLOWED_DEVIATIONS * figures[figure]["se"] if quick else 0.0)

    if scenario.group == "bursts":
        return [most("false rollbacks, bursts", "rolled_back_if_never_promoted", 0.07)]
    limit = 0.05 if scenario.relative_risk > 1 else 0.01
    found = [most(f"false rollbacks, ratio {scenario.relative_risk:g}", "rolled_back_if_never_promoted", limit)]
    if scenario.group == "ramp":
        found += [most("false rollbacks, ramp", figure, 0.02) for figure in ("rolled_back_by_60", "rolled_back")]
    return found


def _required_power(scenario: Scenario) -> float | None:
    percent = REQUIRED_POWER_ELSEWHERE.get(scenario.group)
    if scenario.group == "late onset" and scenario.relative_risk < 5:
        percent = None
    if scenario.group == "steady":
        row = REQUIRED_POWER[scenario.error_rate, int(scenario.requests_per_second)]
        percent = row[RELATIVE_RISKS[2:].index(scenario.relative_risk)]
    return None if percent is None else percent / 100


def _steady() -> Iterator[Scenario]:
    for error_rate in ERROR_RATES:
        for requests_per_second in REQUESTS_PER_SECOND:
            for risk in RELATIVE_RISKS:
                runs = HARMLESS_RUNS if risk <= MARGIN else RUNS
                yield Scenario("steady", error_rate, requests_per_second, risk, runs)


def _ramp() -> Iterator[Scenario]:
    for risk in (1.0, 1.1, 1.5):
        yield Scenario("ramp", 0.003, 20, risk, HARMLESS_RUNS, rises_to=0.03, shares=(0.10, 0.25, 0.50))


def _bursts() -> Iterator[Scenario]:
    for error_rate in ERROR_RATES:
        for requests_per_second in REQUESTS_PER_SECOND:
            for risk in (1.0, 1.1):
                yield Scenario("bursts", error_rate, requests_per_second, risk, HARMLESS_RUNS // 2, bursts=1.0)


def _late_onset() -> Iterator[Scenario]:
    for risk in (2.0, 5.0):
        yield Scenario("late onset", 0.01, 10, risk, RUNS, onset=30)


def _slow() -> Iterator[Scenario]:
    for factor, variation in ((1.0, 0.5), (1.1, 0.3), (1.1, 0.5), (1.5, 0.5), (1.5, 1.0)):
        yield Scenario("slow", 0.01, 10, 1.0, RUNS, latency=Latency(factor, variation))
