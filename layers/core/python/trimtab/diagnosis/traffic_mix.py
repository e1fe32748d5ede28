"""Whether another mix of traffic explains a drift: one segment's share grew, and within segments all is as it was."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from trimtab.capture.grid import NumericBins
from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.capture.sample import RowSample
from trimtab.diagnosis.reweighting import effective_rows, psi_left, weights
from trimtab.drift.assessment import Assessment
from trimtab.drift.rules import percent, share
from trimtab.drift.verdict import Verdict

MOST_SEGMENTS = 20
"""A column with more values is no segment."""
FEWEST_ROWS = 100
"""So many rows, at their effective number, have to be left of the reference's sample once it is weighted."""
_MOST_UNSEEN = 0.05
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class TrafficMix:
    """A column whose values come in other shares, which alone explains the drift of `explained`: their PSI, before and
    once the reference has the window's shares. `shares`: before and now, of the values that moved most."""

    column: str
    shares: Mapping[str, tuple[float, float]]
    explained: Mapping[str, tuple[float, float]]


def traffic_mix(
    reference: Reference,
    current: Profile,
    assessment: Assessment,
    sample: RowSample,
    drifted: Collection[str],
    *,
    harmless: float,
) -> TrafficMix | None:
    """The column whose shares explain all other drifted ones, the one that leaves least where several do; None where
    none does, or nothing else drifted. `harmless`: the PSI that may be left."""
    found = [
        (max(left for _, left in explained.values()), name, explained)
        for name in _segments(reference, assessment, sample)
        if (explained := _explained(name, reference, current, assessment, sample, drifted, harmless))
    ]
    if not found:
        return None
    _, name, explained = min(found)
    return TrafficMix(name, _moved_shares(name, reference, current), explained)


def mix_text(mix: TrafficMix) -> str:
    """The mix in words."""
    shares = ", ".join(f"{value} from {percent(was)} to {percent(now)}" for value, (was, now) in mix.shares.items())
    rest = ", ".join(
        f"{name} (PSI {was:.2g}, {left:.2g} once the shares are equal)"
        for name, (was, left) in list(mix.explained.items())[:_MOST_NAMED]
    )
    more = f" and {len(mix.explained) - _MOST_NAMED} more" if len(mix.explained) > _MOST_NAMED else ""
    return f"the values of {mix.column} come in other shares ({shares}), which alone explains {rest}{more}"


def _segments(reference: Reference, assessment: Assessment, sample: RowSample) -> list[str]:
    """Input columns of few values whose shares moved."""
    return [
        name
        for name, column in assessment.columns.items()
        if column.verdict in (Verdict.ALERT, Verdict.WARN)
        and name not in reference.outputs
        and name in sample.columns
        and _values(reference, name) <= MOST_SEGMENTS
        and (column.unseen or 0.0) <= _MOST_UNSEEN
        and column.psi is not None
    ]


def _values(reference: Reference, name: str) -> int:
    bins = reference.grid.columns[name]
    if not isinstance(bins, NumericBins):
        return len(bins.values) + len(bins.others) + (MOST_SEGMENTS if bins.open else 0)
    # a numeric column is taken for one of few values where nearly every bin is one value
    profile = reference.profile.columns[name]
    return len(bins.edges) if profile.integral == profile.valid else MOST_SEGMENTS + 1


def _explained(
    segment: str,
    reference: Reference,
    current: Profile,
    assessment: Assessment,
    sample: RowSample,
    drifted: Collection[str],
    harmless: float,
) -> dict[str, tuple[float, float]]:
    """The other drifted columns with their PSI before and after; none unless all of them are explained."""
    before = reference.profile.columns
    weight = weights(
        reference.grid.columns[segment], before[segment], current.columns[segment], sample.columns[segment]
    )
    if effective_rows(weight) < FEWEST_ROWS:
        return {}
    explained = {}
    for name in drifted:
        if name == segment:
            continue
        was = assessment.columns[name].psi_adjusted
        if was is None or name not in sample.columns:
            return {}
        left = psi_left(reference.grid.columns[name], current.columns[name], sample.columns[name], weight)
        if left is None or left > min(harmless, was / 2):
            return {}
        explained[name] = (was, left)
    return explained


def _moved_shares(name: str, reference: Reference, current: Profile) -> dict[str, tuple[float, float]]:
    bins, before, now = reference.grid.columns[name], reference.profile.columns[name], current.columns[name]
    if isinstance(bins, NumericBins):
        labels = ["less", *(f"{edge:g}" for edge in bins.edges)]
    else:
        labels = [*bins.values, "another", "a new one"]
    shares = {
        label: (share(int(was), before.valid), share(int(count), now.valid))
        for label, was, count in zip(labels, before.counts, now.counts, strict=True)
    }
    ranked = sorted(shares, key=lambda label: -abs(shares[label][1] - shares[label][0]))
    return {label: shares[label] for label in ranked[:_MOST_NAMED]}
