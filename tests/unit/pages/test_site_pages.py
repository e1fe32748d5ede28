from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pages.reading import Page, assert_sound
from tests.unit.pages.sample_fleet import BUCKET, DAY, HOSTILE, NOW, car_loan, finding, fleet_sources
from trimtab.pages.endpoint_page import endpoint_page
from trimtab.pages.finding_page import finding_page
from trimtab.pages.fleet import account_row, fleet_row, with_rows
from trimtab.pages.kept_finding import finding_of_document
from trimtab.pages.overview_page import overview_page
from trimtab.pages.sources import EndpointSources


@cache
def sources():
    return {each.name: each for each in fleet_sources()}


@cache
def overview():
    rows = {name: fleet_row(each, NOW) for name, each in sources().items()}
    stopped = finding("", "self", "warning", "raised", "3 dead letters", NOW)
    return overview_page(with_rows({}, rows, account_row([stopped]), NOW), NOW)


@cache
def page_of(endpoint):
    return endpoint_page(sources()[endpoint], BUCKET, NOW)


def test_every_page_is_whole_safe_and_usable_without_eyes():
    assert_sound(overview())
    for each in sources().values():
        assert_sound(endpoint_page(each, BUCKET, NOW))
        for told in each.findings:
            assert_sound(finding_page(told, BUCKET, NOW))


def test_the_policy_lets_run_only_what_the_page_brings():
    [policy] = [each["content"] for each in Page(overview()).all("meta") if "http-equiv" in each]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_nothing_is_fetched_from_anywhere():
    for html in (overview(), page_of("car-loan")):
        page = Page(html)
        assert not [attributes for _, attributes in page.elements if "src" in attributes]
        assert page.all("link") == [{"rel": "icon", "href": "data:,"}]
        assert "@import" not in html
        assert "url(" not in html


def test_the_overview_shows_those_first_that_need_a_person():
    page = Page(overview())
    names = [each["href"] for each in page.all("a") if each["href"].startswith("endpoints/")]
    assert names[:3] == ["endpoints/car-loan.html", "endpoints/search-ranking.html", "endpoints/fraud-scoring.html"]
    assert names[-1] == "endpoints/legacy.html"
    assert len(names) == len(sources())
    assert "car-loan and search-ranking need somebody's attention." in page.text


def test_the_overview_links_findings_and_says_what_is_not_known():
    page = Page(overview())
    assert "3 dead letters" in page.text
    assert "no verdict yet" in page.text
    assert "no price for ml.trn9.48xlarge" in page.text
    assert "without 5 whose cost is not known" in page.text
    assert "canary 25 %" in page.text


def test_an_empty_fleet_says_what_to_do():
    page = assert_sound(overview_page(with_rows({}, {}, account_row([]), NOW), NOW))
    assert "No endpoint has been seen yet." in page.text
    assert "Cost a day – " in page.text


def test_an_endpoint_page_tells_the_story_of_a_drift():
    page = Page(page_of("car-loan"))
    for told in (
        "4 of 6 columns moved", "Greatest PSI of a column", "Rows of each window", "Coverage", "Accuracy, estimated",
        "Cost of 1,000 predictions", "Drift alert", "car-loan-v7",
        "reports/car-loan/AllTraffic/2026-11-20T00/drift.html",
        "0 % → 4.3 %", "Shares of channel", "bad_json",
    ):  # fmt: skip
        assert told in page.text, told
    addresses = [each["href"] for each in page.all("a")]
    assert "../../windows/car-loan/AllTraffic/2026-11-20T00.json" in addresses
    assert "../index.html" in addresses
    assert all(each.startswith(("../", "#")) for each in addresses)


def test_alerts_and_deployments_are_drawn_in_every_time_line():
    html = page_of("car-loan")
    charts = html.count('class="plot"')
    assert charts == 7
    assert html.count('<path d="M') > 7
    assert html.count('class="alarm-area"') >= 5
    assert html.count('class="deployment"') >= charts


@pytest.mark.parametrize("endpoint", ["pricing", "legacy", "on-trainium"])
def test_what_is_missing_is_shown_as_missing_and_never_as_fine(endpoint):
    page = Page(page_of(endpoint))
    assert "no drift" not in page.text
    if endpoint != "legacy":
        assert "no verdict yet" in page.text
    assert "nothing to draw" in page.text or endpoint != "pricing"


def test_an_endpoint_of_which_nothing_is_known_has_a_page():
    page = assert_sound(endpoint_page(EndpointSources("bare"), BUCKET, NOW))
    assert "No capture of this endpoint has been seen." in page.text
    assert "No findings." in page.text


def test_a_window_whose_counts_were_not_kept_has_no_distributions_and_says_so():
    one = car_loan()
    [variant] = one.variants
    bare = {key: value for key, value in variant.window.items() if key != "profile"}
    page = assert_sound(endpoint_page(replace(one, variants=(replace(variant, window=bare),)), BUCKET, NOW))
    assert "the last window's counts are not kept" in page.text


def test_an_old_verdict_is_no_verdict_of_today():
    page = Page(endpoint_page(sources()["churn"], BUCKET, NOW + 16 * DAY))
    assert "no recent verdict" in page.text
    assert "none lately" in page.text


def test_a_finding_page_shows_columns_causes_action_and_links():
    [told] = [each for each in car_loan().findings if each.kind == "drift" and each.state == "raised"]
    page = Page(finding_page(told, BUCKET, NOW))
    for text in ("Covariate shift", "amount", "< 0.0001", "Windows alerting", "Nothing: this finding only tells."):
        assert text in page.text, text
    addresses = [each["href"] for each in page.all("a")]
    assert "../../reports/car-loan/AllTraffic/2026-11-20T00/drift.html" in addresses
    assert "{" not in page.text  # evidence is told in tables, not as JSON


def test_a_finding_that_can_hardly_be_read_is_shown_all_the_same():
    page = assert_sound(
        finding_page(finding_of_document({"evidence": {"a": [[1], {"b": 2}]}, "links": 7}), BUCKET, NOW)
    )
    assert "A finding without a title" in page.text
    assert "No reason is given." in page.text


def shape(html):
    return [(tag, sorted(attributes)) for tag, attributes in Page(html).elements]


@given(st.text(min_size=1), st.text())
@settings(max_examples=60, deadline=None)
def test_no_text_can_change_what_a_page_is_made_of(name, reason):
    def pages(name, reason):
        told = finding(
            "", "drift", "warning", "raised", "t" + name[:100], NOW, reason="r" + reason,
            evidence={"k" + name: "v" + reason}, links={"l": "s3://other/" + name}, fact="f",
        )  # fmt: skip
        row = fleet_row(EndpointSources("e" + name, findings=(told,)), NOW)
        fleet = with_rows({}, {name: row}, account_row([]), NOW)
        return finding_page(told, BUCKET, NOW), overview_page(fleet, NOW)

    for hostile, plain in zip(pages(name, reason), pages("plain", "plain"), strict=True):
        assert shape(hostile) == shape(plain)


def test_a_hostile_name_is_shown_as_it_is_spelled():
    page = Page(overview())
    assert HOSTILE.replace("\u202e", "\ufffd") in page.text
    assert HOSTILE not in overview()
