"""Model Monitor's constraint_violations.json: where a window breaks the baseline's constraints, in its own words.

The words of data_type_check are Model Monitor's, and those of the column checks and of baseline_drift_check as far as
its published reports and samples show them; the others are worded after them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

from trimtab.capture.grid import NumericBins, Vocabulary
from trimtab.capture.profile import ColumnProfile, Profile
from trimtab.capture.reference import Reference
from trimtab.capture.table import canonical_text, number_of
from trimtab.model_monitor.constraints import Constraints, FeatureConstraints, InferredType, MonitoringConfig
from trimtab.model_monitor.distances import categorical_distance, chi_square, numeric_distance, robust
from trimtab.model_monitor.statistics import UNLISTED, UNSEEN

type Check = Literal[
    "data_type_check",
    "completeness_check",
    "baseline_drift_check",
    "missing_column_check",
    "extra_column_check",
    "categorical_values_check",
]
MISSING_COLUMNS, EXTRA_COLUMNS = "Missing columns", "Extra columns"


@dataclass(frozen=True)
class Violation:
    """One broken constraint."""

    feature_name: str
    constraint_check_type: Check
    description: str


@dataclass(frozen=True)
class Drift:
    """How far one feature is from the baseline, and from where on that is too far."""

    distance: float
    threshold: float


def violations_document(violations: list[Violation]) -> dict[str, Any]:
    """The file's content."""
    return {
        "violations": [
            {
                "feature_name": each.feature_name,
                "constraint_check_type": each.constraint_check_type,
                "description": each.description,
            }
            for each in violations
        ]
    }


def find_violations(
    reference: Reference,
    current: Profile,
    constraints: Constraints,
    *,
    columns: frozenset[str],
    ignore: frozenset[str] = frozenset(),
) -> list[Violation]:
    """Every constraint that the window breaks, in the order of the constraints. Features in `ignore` are not checked.

    `columns` names those that the window's payloads had. A feature that is not among them is a missing column, and is
    not checked further.
    """
    absent = [
        feature.name for feature in constraints.features if feature.name not in ignore and feature.name not in columns
    ]
    found: list[Violation] = []
    drifts = baseline_drifts(reference, current, constraints, ignore=ignore)
    for feature in constraints.features:
        config = constraints.config_of(feature)
        if config.evaluate_constraints == "Disabled" or feature.name in (*absent, *ignore):
            continue
        if feature.name in current.columns:
            found += _check_feature(reference, current.columns[feature.name], feature, config)
        drift = drifts.get(feature.name)
        if drift and drift.distance > drift.threshold:
            said = f"Baseline drift distance: {drift.distance} exceeds threshold: {drift.threshold}"
            found.append(Violation(feature.name, "baseline_drift_check", said))
    if MonitoringConfig.model_validate(constraints.monitoring_config).evaluate_constraints == "Disabled":
        return found
    return [*found, *_check_columns(columns - ignore, constraints, absent, ignore)]


def baseline_drifts(
    reference: Reference, current: Profile, constraints: Constraints, *, ignore: frozenset[str] = frozenset()
) -> dict[str, Drift]:
    """The distance of every feature that can be compared. Greater is farther: of ChiSquared it is 1 - p-value, and its
    threshold 1 - the p-value that the constraints name."""
    drifts: dict[str, Drift] = {}
    for feature in constraints.features:
        bins, column = reference.grid.columns.get(feature.name), current.columns.get(feature.name)
        rules = constraints.config_of(feature).distribution_constraints
        if bins is None or column is None or feature.name in ignore or rules.perform_comparison == "Disabled":
            continue
        before = reference.profile.columns[feature.name]
        if not (before.valid and column.valid):
            continue
        threshold = rules.comparison_threshold
        if isinstance(bins, NumericBins):
            distance = numeric_distance(column.counts, before.counts)
        else:
            counts, baseline = _by_value(bins, column), _by_value(bins, before)
            if rules.categorical_drift_method == "ChiSquared":
                _, p = chi_square(counts, baseline)
                if not isnan(p):
                    drifts[feature.name] = Drift(1 - p, 1 - rules.categorical_threshold)
                continue
            distance, threshold = categorical_distance(counts, baseline), rules.categorical_threshold
        if rules.comparison_method == "Robust":
            distance = robust(distance, column.valid, before.valid)
        drifts[feature.name] = Drift(distance, threshold)
    return drifts


def _check_feature(
    reference: Reference, column: ColumnProfile, feature: FeatureConstraints, config: MonitoringConfig
) -> Iterator[Violation]:
    bins = reference.grid.columns[feature.name]
    present = column.valid + column.invalid
    of_type = _count_of_type(reference, column, feature)
    if present and of_type is not None and (matching := of_type / present) < config.datatype_check_threshold:
        yield Violation(
            feature.name,
            "data_type_check",
            f"Data type match requirement is not met. Expected data type: {feature.inferred_type}, Expected match: "
            f"{100 * config.datatype_check_threshold}%. Observed: Only {100 * matching}% of data is "
            f"{feature.inferred_type}.",
        )
    completeness = present / column.cells if column.cells else 0.0
    if completeness < feature.completeness:
        yield Violation(
            feature.name,
            "completeness_check",
            f"Completeness requirement is not met. Expected completeness: {100 * feature.completeness}%. Observed: "
            f"Only {100 * completeness}% of data is complete.",
        )
    domain = feature.string_constraints.domains if feature.string_constraints else None
    if isinstance(bins, Vocabulary) and domain is not None and column.valid:
        matching = _count_in(domain, bins, column) / column.valid
        if matching < config.domain_content_threshold:
            yield Violation(
                feature.name,
                "categorical_values_check",
                f"Categorical values requirement is not met. Expected match: {100 * config.domain_content_threshold}%. "
                f"Observed: Only {100 * matching}% of values are known.",
            )


def _count_of_type(reference: Reference, column: ColumnProfile, feature: FeatureConstraints) -> int | None:
    """How many values are of the type that the constraints expect; None: that is not checked.

    Of categories the grid keeps the spelling of those only that the baseline has: others pass for what is expected.
    Texts that spell numbers are texts where the baseline holds texts.
    """
    bins, expected = reference.grid.columns[feature.name], feature.inferred_type
    if expected == "Unknown" or (expected == "String" and feature.name not in reference.called_texts):
        return None
    if isinstance(bins, NumericBins):
        # a whole number is fine where a fraction is expected
        return column.integral if expected == "Integral" else column.valid
    counts: list[int] = column.counts.tolist()
    known = zip((number_of(value) for value in bins.values), counts, strict=False)
    others = counts[-2] if expected == "String" else 0  # of a baseline of numbers, as are these
    return column.valid - others - sum(count for number, count in known if not _is_of_type(number, expected))


def _is_of_type(number: float | None, expected: InferredType) -> bool:
    """Whether a value that spells this number, or none, is of a type; as above."""
    if number is None:
        return expected == "String"
    return expected == "Fractional" or (expected == "Integral" and number.is_integer())


def _check_columns(
    columns: frozenset[str], constraints: Constraints, absent: list[str], ignore: frozenset[str]
) -> Iterator[Violation]:
    known = {feature.name for feature in constraints.features} - ignore
    extra = sorted(columns - known)
    counts = (
        f"Number of columns in current dataset: {len(columns)}, Number of columns in baseline constraints: {len(known)}"
    )
    if absent:
        said = f"There are missing columns in current dataset. {counts}. Missing: {', '.join(absent)}"
        yield Violation(MISSING_COLUMNS, "missing_column_check", said)
    if extra:
        said = f"There are extra columns in current dataset. {counts}. Extra: {', '.join(extra)}"
        yield Violation(EXTRA_COLUMNS, "extra_column_check", said)


def _by_value(bins: Vocabulary, column: ColumnProfile) -> Mapping[str, int]:
    """Counts by category; those that a grid does not tell apart are one category."""
    counts = column.counts.tolist()
    return {value: n for value, n in zip((*bins.values, UNLISTED, UNSEEN), counts, strict=True) if n}


def _count_in(domain: tuple[str, ...], bins: Vocabulary, column: ColumnProfile) -> int:
    allowed = {bins.position(canonical_text(value)) for value in domain} - {bins.bins - 1}
    return int(sum(column.counts[position] for position in allowed))
