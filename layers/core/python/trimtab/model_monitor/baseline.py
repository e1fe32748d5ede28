"""A reference from a Model Monitor baseline: its statistics.json, and its constraints.json where there is one.

A KLL sketch's items are the numbers themselves while they were few, and stand for several each when they were many;
without a sketch the ten buckets are all there is, and numbers are taken to lie evenly in them.
"""

import json
from collections import Counter
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimtab.capture.reference import InvalidReferenceError, Reference, reference_from_sketch
from trimtab.capture.sketch import EXACT_BINS, ColumnSketch, Sketch, sketch_numbers
from trimtab.capture.table import LARGEST, FloatArray, IntArray, canonical_text, number_of
from trimtab.model_monitor.constraints import Constraints, FeatureConstraints, InferredType

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
_POINTS_PER_BUCKET = 100
_NULL = "NullValue"
"""What Deequ's histograms call missing cells."""
Count = Annotated[int, Field(ge=0)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Common(_Read):
    num_present: Count
    num_missing: Count


class _Bucket(_Read):
    lower_bound: float
    upper_bound: float
    count: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _KllSketch(_Read):
    data: tuple[tuple[float, ...], ...] = ()


class _Kll(_Read):
    buckets: tuple[_Bucket, ...] = ()
    sketch: _KllSketch | None = None


class _NumericDistribution(_Read):
    kll: _Kll


class _Numeric(_Read):
    common: _Common
    mean: float | None = None
    sum: float | None = None
    std_dev: float | None = None
    min: float | None = None
    max: float | None = None
    distribution: _NumericDistribution | None = None


class _Category(_Read):
    value: str
    count: Count


class _Categorical(_Read):
    buckets: tuple[_Category, ...] = ()


class _TextDistribution(_Read):
    categorical: _Categorical = _Categorical()


class _Text(_Read):
    common: _Common
    distribution: _TextDistribution = _TextDistribution()


class _Feature(_Read):
    name: str
    inferred_type: InferredType | None = None
    numerical_statistics: _Numeric | None = None
    string_statistics: _Text | None = None


class _Dataset(_Read):
    item_count: Annotated[int, Field(ge=1)]


class _Statistics(_Read):
    dataset: _Dataset
    features: Annotated[tuple[_Feature, ...], Field(min_length=1)]


def reference_from_model_monitor(
    statistics: bytes,
    constraints: bytes | None,
    source: str,
    created: str,
    *,
    columns: tuple[str, ...] = (),
    predictions: tuple[str, ...] = (),
    categorical: frozenset[str] = frozenset(),
) -> Reference:
    """The reference that a baseline makes, and with it the constraints.

    `columns` and `predictions` choose features, of the constraints too, and their order (all, as they stand, when no
    columns are named); predictions are the model's outputs. Features that the constraints call String, and those in
    `categorical`, are categories; of the former those that hold numbers are told, unless they are among the latter,
    which are codes by the settings. Raises InvalidReferenceError that names the file and the key.
    """
    baseline = _parsed(_Statistics, statistics, source)
    rules_source = f"{source.removesuffix(STATISTICS)}{CONSTRAINTS}"
    document = None if constraints is None else _json(constraints, rules_source)
    rules = None if document is None else _constraints(document, rules_source)
    by_name = {feature.name: feature for feature in rules.features} if rules else {}
    order = (*columns, *predictions) if columns else tuple(feature.name for feature in baseline.features)
    features = {feature.name: feature for feature in baseline.features}
    if len(features) < len(baseline.features):
        raise InvalidReferenceError(f"{source}: features: a name stands there twice")
    absent = sorted(set(order) - features.keys())
    if absent:
        raise InvalidReferenceError(f"{source}: features: none is called {', '.join(absent)}, which the settings name")
    sketch = Sketch(
        rows=baseline.dataset.item_count,
        columns={
            name: _column(features[name], by_name.get(name), source, rows=baseline.dataset.item_count) for name in order
        },
        outputs=frozenset(predictions) & set(order),
    )
    texts = {name for name in order if _is_text(features[name], by_name.get(name))}
    reference = reference_from_sketch(
        sketch, source=source, created=created, categorical=categorical | texts, only_deciles=True
    )
    if document is not None:
        chosen = [feature for feature in document["features"] if not columns or feature["name"] in order]
        document = {**document, "features": chosen}
    numbers = {name for name in texts - categorical if features[name].numerical_statistics is not None}
    return replace(reference, constraints=document, called_texts=frozenset(numbers))


def _is_text(feature: _Feature, rules: FeatureConstraints | None) -> bool:
    return feature.numerical_statistics is None or (rules is not None and rules.inferred_type == "String")


def _column(feature: _Feature, rules: FeatureConstraints | None, source: str, *, rows: int) -> ColumnSketch:
    where = f"{source}: features, {feature.name}"
    if feature.numerical_statistics is not None:
        return _numbers(feature.numerical_statistics, feature.inferred_type, where)
    if feature.string_statistics is not None:
        domain = (rules.string_constraints.domains if rules and rules.string_constraints else None) or ()
        return _texts(feature.string_statistics, domain, where)
    if feature.inferred_type == "Unknown":  # it has no values
        return ColumnSketch(missing=rows)
    raise InvalidReferenceError(f"{where}: has neither numerical_statistics nor string_statistics")


def _texts(text: _Text, domain: tuple[str, ...], where: str) -> ColumnSketch:
    counts: Counter[str] = Counter()
    for bucket in text.distribution.categorical.buckets:
        counts[canonical_text(bucket.value)] += bucket.count
    listed, present, missing = counts.total(), text.common.num_present, text.common.num_missing
    if listed == present + missing and missing and counts[_NULL] == missing:
        del counts[_NULL]
        listed = present
    if listed > present:
        raise InvalidReferenceError(
            f"{where}.string_statistics: buckets hold {listed} values, and common.num_present says {present}"
        )
    for value in domain:  # values that an owner allows though the baseline had none
        counts[canonical_text(value)] += 0
    numbers = [value for value in counts if number_of(value) is not None]
    return ColumnSketch(
        numbers=sketch_numbers(
            np.array([float(value) for value in numbers]),
            np.array([counts[value] for value in numbers], np.int64),
            most_bins=EXACT_BINS,
        ),
        # values that are not listed are too many to list
        texts={value: n for value, n in counts.items() if value not in numbers} if listed == present else None,
        text_cells=present - sum(counts[value] for value in numbers),
        missing=missing,
    )


def _numbers(numeric: _Numeric, inferred_type: InferredType | None, where: str) -> ColumnSketch:
    present, missing = numeric.common.num_present, numeric.common.num_missing
    if not present:
        return ColumnSketch(missing=missing)
    values, weights = _items(numeric, where)
    if not len(values):  # nan, infinities and giants alone
        return ColumnSketch(texts=None, text_cells=present, missing=missing)
    if any(end is not None and not abs(end) <= LARGEST for end in (numeric.min, numeric.max)):
        numeric = _Numeric(common=numeric.common)  # what it says is of numbers that do not count as such here
    count = int(weights.sum())
    if count > present:
        raise InvalidReferenceError(
            f"{where}.numerical_statistics: distribution.kll holds {count} numbers, and common.num_present says "
            f"{present}"
        )
    minimum, maximum = (_or(given, float(end)) for given, end in ((numeric.min, values[0]), (numeric.max, values[-1])))
    if minimum > values[0] or maximum < values[-1]:
        raise InvalidReferenceError(
            f"{where}.numerical_statistics: distribution.kll holds numbers from {values[0]} to {values[-1]}, beyond "
            f"min {minimum} and max {maximum}"
        )
    # a sketch may have lost its least and greatest number, which are known all the same
    weights[0] -= 1
    weights[-1] -= 1
    values, weights = np.concatenate([[minimum], values, [maximum]]), np.concatenate([[1], weights, [1]])
    if count == 1:
        values, weights = np.array([minimum]), np.array([1])
    kept = weights > 0
    mean = _or(numeric.mean, float(values @ weights) / count)
    deviation = _or(numeric.std_dev, float(np.sqrt(np.average((values - mean) ** 2, weights=weights))))
    return ColumnSketch(
        numbers=sketch_numbers(values[kept], weights[kept].astype(np.int64), most_bins=EXACT_BINS),
        texts=None if count < present else {},
        text_cells=present - count,
        missing=missing,
        minimum=minimum,
        maximum=maximum,
        total=mean * count,
        squares=count * (deviation**2 + mean**2),
        integral=count if inferred_type == "Integral" else int(weights[values == np.floor(values)].sum()),
    )


def _items(numeric: _Numeric, where: str) -> tuple[FloatArray, IntArray]:
    """The numbers in increasing order and how many each stands for; none when all are beyond what counts as one."""
    kll = numeric.distribution.kll if numeric.distribution else _Kll()
    values, weights = np.empty(0), np.empty(0, np.int64)
    if kll.sketch and any(kll.sketch.data):
        values = np.concatenate([np.array(level, np.float64) for level in kll.sketch.data] or [values])
        sizes = [len(level) for level in kll.sketch.data]
        weights = np.repeat(np.left_shift(1, np.arange(len(sizes))), sizes)
    elif kll.buckets:
        values, weights = _spread(kll.buckets)
    if not len(values):
        raise InvalidReferenceError(f"{where}.numerical_statistics: distribution.kll holds no numbers")
    usable = np.abs(values) <= LARGEST  # neither are nan and infinities
    values, weights = values[usable], weights[usable]
    order = np.argsort(values, kind="stable")
    return values[order], weights[order]


def _spread(buckets: tuple[_Bucket, ...]) -> tuple[FloatArray, IntArray]:
    values, weights = [], []
    for bucket in buckets:
        count = round(bucket.count)
        parts = min(count, _POINTS_PER_BUCKET)
        if parts:
            share = (np.arange(parts) + 0.5) / parts
            values.append(bucket.lower_bound + (bucket.upper_bound - bucket.lower_bound) * share)
            weights.append(np.diff(np.arange(parts + 1) * count // parts))
    if not values:
        return np.empty(0), np.empty(0, np.int64)
    return np.concatenate(values), np.concatenate(weights)


def _or(given: float | None, otherwise: float) -> float:
    return given if given is not None and abs(given) <= LARGEST else otherwise  # nan is not


def _json(body: bytes, name: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise InvalidReferenceError(f"{name}: not JSON: {error}") from error


def _parsed[Model: BaseModel](model: type[Model], body: bytes, name: str) -> Model:
    return _validated(model, _json(body, name), name)


def _validated[Model: BaseModel](model: type[Model], document: Any, name: str) -> Model:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidReferenceError(f"{name}: {_faults(error)}") from error


def _constraints(document: Any, name: str) -> Constraints:
    constraints = _validated(Constraints, document, name)
    for feature in constraints.features:
        try:
            constraints.config_of(feature)
        except ValidationError as error:
            raise InvalidReferenceError(f"{name}: monitoring_config for {feature.name}: {_faults(error)}") from error
    return constraints


def _faults(error: ValidationError) -> str:
    faults = error.errors()
    # a tuple one of whose items is faulty is told to be too short as well
    faults = [fault for fault in faults if fault["type"] != "too_short"] or faults
    said = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}" for fault in faults[:3])
    return said if len(faults) <= 3 else f"{said}; and {len(faults) - 3} more"
