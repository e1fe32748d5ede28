from html.parser import HTMLParser

import pytest

from trimtab.reports.comparison import ComparedColumn, Score
from trimtab.reports.page import POLICY, report_page
from trimtab.reports.sides import Sides

EVIDENTLY = """
  <!DOCTYPE html>
<html lang="en">
<head>
<style>a{}</style></head>
<body>
<div id="root"></div></body></html>"""
NASTY = "<script>alert('&')</script>"
VOID = {"meta"}


class Outline(HTMLParser):
    """Every element in order; fails on tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def document(**more):
    return {
        "window": {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T05:00:00Z", "rows": 8800},
        "verdict": "ALERT",
        "reason": f"1 of 3 columns moved: {NASTY}",
        "state": "raised",
        "reference": {"rows": 20_000, "source": NASTY},
    } | more


def page(evidently=EVIDENTLY, columns=(), notes=(), **more):
    sides = Sides((10_000, 500), notes={NASTY: "2 cells"})
    return report_page(NASTY, "AllTraffic", document(**more), sides, list(columns), notes, evidently)


def outline(html):
    parsed = Outline()
    parsed.feed(html)
    assert not parsed.open
    return parsed


COLUMNS = [
    ComparedColumn(NASTY, Score("wasserstein", 0.2, 0.1, True), 0.19, 0.3, 0.1, "ALERT", "", False),
    ComparedColumn("y", Score("jensenshannon", 0.02, 0.1, False), None, None, 0.1, "ALERT", "Another rule", True),
    ComparedColumn("z", None, None, 0.01, 0.1, "OK", "redacted", False),
]


@pytest.mark.parametrize("evidently", [EVIDENTLY, None])
def test_names_and_texts_of_others_stay_text(evidently):
    html = page(evidently, COLUMNS, [NASTY])
    assert NASTY not in html
    assert [tag for tag, _ in outline(html).seen].count("script") == 0


@pytest.mark.parametrize("evidently", [EVIDENTLY, None])
def test_the_page_may_load_nothing_from_anywhere(evidently):
    policies = [each for tag, each in outline(page(evidently)).seen if tag == "meta" and "http-equiv" in each]
    assert [each["content"] for each in policies] == [POLICY]
    assert "http" not in POLICY
    assert "default-src 'none'" in POLICY


def test_the_policy_comes_before_anything_of_evidently():
    html = page()
    assert html.startswith("<!DOCTYPE html>")
    assert html.index("Content-Security-Policy") < html.index("a{}") < html.index("1 of 3 columns moved")
    assert html.index("1 of 3 columns moved") < html.index('id="root"')


def test_numbers_stand_side_by_side():
    texts = outline(page(columns=COLUMNS)).texts
    assert {"0.200", "0.190", "0.300", "drifted", "not drifted", "Another rule", "redacted"} <= set(texts)
    assert any("agree on 1 of the 2 that both have" in text for text in texts)


def test_causes_are_told_when_they_are_known():
    causes = [{"kind": "covariate_shift", "text": "age moved by 7 years", "evidence": {}}]
    assert "covariate shift" in outline(page(causes=causes)).texts
    assert "covariate shift" not in outline(page()).texts


def test_without_rows_the_page_says_so_and_is_whole():
    parsed = outline(page(None, notes=["There are no rows of the window."]))
    assert "There are no rows of the window." in parsed.texts
    assert "Evidently's report on the sampled rows" not in parsed.texts
