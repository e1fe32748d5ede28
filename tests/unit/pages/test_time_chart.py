import re
from datetime import UTC, datetime, timedelta

from tests.unit.pages.reading import Page
from trimtab.pages.figures import number
from trimtab.pages.time_chart import Mark, Point, Span, spark, time_chart

START, HOUR = datetime(2026, 11, 20, tzinfo=UTC), timedelta(hours=1)
SPAN = Span(START, START + 10 * HOUR)


def points(*values):
    return [Point(START + number * HOUR, value) for number, value in enumerate(values)]


def test_a_gap_is_a_gap_and_never_a_zero():
    html = time_chart("a", "Rows", points(1.0, 2.0, None, 3.0, 4.0), SPAN, number)
    [path] = re.findall(r'<path d="([^"]*)" class="current">', html)
    assert path.count("M") == 2
    assert "300 100" not in path


def test_a_point_between_gaps_is_a_dot():
    html = spark(points(1.0, None, 3.0, None, 2.0), SPAN, "words")
    assert 'class="current"' not in html
    assert html.count("h.01") == 3


def test_without_data_the_chart_says_so():
    page = Page(time_chart("a", "Rows", points(None, None), SPAN, number))
    assert page.text == "Rows – No data."
    assert page.all("svg") == []
    assert spark([], SPAN, "words") == "–"


def test_the_drawing_is_told_in_words():
    page = Page(time_chart("a", "Score", points(1.0, 7.0, 2.0), SPAN, number, limit=5.0))
    words = (
        "3 values from 2026-11-20 00:00 UTC to 2026-11-20 02:00 UTC. Last 2, least 1, greatest 7 at 2026-11-20 01:00 "
        "UTC. The threshold is 5."
    )
    assert words in page.text
    [svg] = page.all("svg")
    assert svg["aria-labelledby"] == "a-title a-desc"


def test_marks_outside_of_the_axis_are_left_out():
    marks = [Mark("deployment", START + day * 24 * HOUR, START + day * 24 * HOUR, "v") for day in (-1, 0, 1)]
    html = time_chart("a", "Rows", points(1.0, 2.0), SPAN, number, marks=marks)
    assert html.count('class="deployment"') == 1


def test_an_interval_is_drawn_around_its_line():
    measured = [Point(START + n * HOUR, 0.9, 0.85, 0.95) for n in range(3)]
    html = time_chart("a", "AUC", measured, SPAN, number, from_zero=False)
    assert '<path d="M0 0L100 0L200 0L200 100L100 100L0 100Z" class="area">' in html


def test_a_flat_line_at_any_height_can_be_drawn():
    for value in (0.0, 5.0, -3.0):
        for from_zero in (True, False):
            assert "nan" not in time_chart("a", "x", points(value, value), SPAN, number, from_zero=from_zero)
