"""OpenMetrics text. That a real Prometheus reads it is tested in tests/integration/test_prometheus.py."""

import re

from hypothesis import given
from hypothesis import strategies as st

from trimtab.pages.openmetrics import Family, Sample, openmetrics_text, state_set

# the grammar of the specification's section "ABNF", for gauges and state sets without timestamps and exemplars
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
ESCAPED = r'(?:[^\n"\\]|\\.)*'
LABEL = rf'[a-zA-Z_][a-zA-Z0-9_]*="{ESCAPED}"'
NUMBER = r"(?:[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|[+-]Inf|NaN)"
LINE = re.compile(
    rf"# (?:TYPE {NAME} (?:gauge|stateset)|UNIT {NAME} \w+|HELP {NAME} {ESCAPED})"
    rf"|{NAME}(?:\{{{LABEL}(?:,{LABEL})*\}})? {NUMBER}"
)


def test_a_family_has_its_type_unit_and_help_before_its_samples():
    family = Family("a_cost_usd", "What it costs.", (Sample({"endpoint": "churn"}, 1.5), Sample({}, 3.0)), unit="usd")
    assert openmetrics_text([family]) == (
        "# TYPE a_cost_usd gauge\n# UNIT a_cost_usd usd\n# HELP a_cost_usd What it costs.\n"
        'a_cost_usd{endpoint="churn"} 1.5\na_cost_usd 3\n# EOF\n'
    )


def test_a_state_set_tells_each_state():
    family = state_set("verdict", "The verdict.", ["OK", "ALERT"], [({"endpoint": "churn"}, "ALERT")])
    assert openmetrics_text([family]).splitlines()[2:] == [
        'verdict{endpoint="churn",verdict="OK"} 0',
        'verdict{endpoint="churn",verdict="ALERT"} 1',
        "# EOF",
    ]


def test_families_without_samples_are_left_out():
    assert openmetrics_text([Family("a", "b", ())]) == "# EOF\n"


def test_quotes_backslashes_and_line_ends_are_escaped():
    text = openmetrics_text([Family("a", 'says "b\\c"\nd', (Sample({"x": 'e"\\\n'}, 1.0),))])
    assert '# HELP a says \\"b\\\\c\\"\\nd\n' in text
    assert 'a{x="e\\"\\\\\\n"} 1\n' in text


@given(
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.floats()), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_every_line_is_of_the_grammar(values, help_text):
    samples = tuple(Sample({"x": label}, value) for label, value in values)
    *lines, end, last = openmetrics_text([Family("a_s", help_text, samples, unit="s")]).split("\n")
    assert (end, last) == ("# EOF", "")
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert len(lines) == 3 + len(samples)


@given(st.floats(allow_nan=False))
def test_values_are_told_exactly(value):
    line = openmetrics_text([Family("a", "b", (Sample({}, value),))]).splitlines()[2]
    assert float(line.removeprefix("a ")) == value
