"""What a canary's judgement says, and everything a person wants to see with it."""

from dataclasses import dataclass
from enum import StrEnum


class Decision(StrEnum):
    """What is to become of a canary. INCONCLUSIVE: the time is over and the data cannot tell."""

    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    ROLL_BACK = "ROLL_BACK"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers behind a judgement, as plain values; None where the data do not give one.

    `minutes`: whole minutes it rests on. `relative_risk`: Mantel and Haenszel's estimate; `interval`: always valid, 95
    %, its upper end None when nothing is ruled out upwards. `ln_e_harm`, `ln_e_safe`: ln of the evidence against the
    canary and for it; `ln_e_alarm`: what the first takes to roll back. `dispersion`: φ, 1 when errors come singly.
    `look`: the minute of the last planned or extra look; `p_harm`, `p_safe`: what it found; `highest_rate`: upper 95 %
    bound of the canary's error rate then. `sample_ratio_z`: the canary's part of the last hour's requests against the
    weights. `ratio_rule`: what comparing the two rates would say; `ratio_rule_false_alarms`: how often that rolls back
    an identical model at this traffic. `requests_needed`: requests to the canary that are still missing until one like
    production can be promoted; `estimated_minutes`: how long they take.
    """

    minutes: int
    canary_requests: int
    canary_errors: int
    canary_error_rate: float | None
    production_requests: int
    production_errors: int
    production_error_rate: float | None
    relative_risk: float | None
    interval: tuple[float, float | None]
    ln_e_harm: float
    ln_e_safe: float
    ln_e_alarm: float
    dispersion: float
    canary_slow: int | None
    production_slow: int | None
    slow_relative_risk: float | None
    slow_interval: tuple[float, float | None] | None
    ln_e_harm_slow: float | None
    ln_e_safe_slow: float | None
    look: int | None
    p_harm: float | None
    p_safe: float | None
    p_harm_slow: float | None
    p_safe_slow: float | None
    highest_rate: float | None
    sample_ratio_z: float | None
    ratio_rule: Decision
    ratio_rule_false_alarms: float
    requests_needed: int | None
    estimated_minutes: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision, the name of the row of the table that made it, and why, in one sentence with the numbers."""

    decision: Decision
    rule: str
    reason: str
    evidence: Evidence
