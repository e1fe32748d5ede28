"""The pages that the deployed function builds, in a real browser: without any request, at any width, in light and dark,
with names for those who do not see, from a file and from a signed link."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local.faults import Shift
from tests.integration.chromium import Tab, browser
from tests.integration.deployed import VARIANT, Deployed, hours_of, traffic, wait_for

pytestmark = pytest.mark.integration

ENDPOINT = "on-pages"
HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
PHONE, DESKTOP = 360, 1280

WIDE = """[...document.querySelectorAll("body *")]
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".scroll, .skip"))
  .map(each => each.outerHTML.slice(0, 100))"""
FAINT = """(() => {
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = each => {
    for (let at = each; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const each = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || each.closest("script, svg")) continue;
    if (!each.getClientRects().length) continue;
    const [a, b] = [light(parts(getComputedStyle(each).color)), light(ground(each))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(ratio.toFixed(2) + " " + each.outerHTML.slice(0, 100));
  }
  return found;
})()"""
"""Texts with a contrast below 4.5 : 1 (WCAG 2.2, 1.4.3; relative luminance as defined there)."""


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(stack: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the site in files, after a drift, a hostile finding about Trimtab itself, and the hour's run."""
    stack.play(ENDPOINT, hours_of(traffic(8, seed=31), 0, 4))
    stack.judge_hours(ENDPOINT, range(4))
    stack.play(ENDPOINT, hours_of(traffic(8, seed=31), 4, 8), [Shift("amount", at=0, sigmas=1.5)])
    stack.judge_hours(ENDPOINT, range(4, 8))
    finding = told_by_a_stranger()
    entry = {
        "Source": "trimtab",
        "DetailType": "Self",
        "Detail": json.dumps(finding),
        "EventBusName": stack.outputs["FindingsBusName"],
    }
    stack.cloud.client("events").put_events(Entries=[entry])
    wait_for(lambda: bool(drift_findings(stack)), 20, "the drift's finding")
    wanted = {f"site/findings/{each}.html" for each in (*drift_findings(stack), finding["id"])}
    wait_for(lambda: wanted <= {key for key, _ in stack.objects(stack.state_bucket, "site/findings/")}, 60, "pages")
    assert stack.invoke("build_site", {})["endpoints"] >= 1
    folder = tmp_path_factory.mktemp("site")
    for prefix in ("site/", f"windows/{ENDPOINT}/"):
        for key, body in stack.objects(stack.state_bucket, prefix):
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(body)
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path, stack: Deployed) -> list[Path]:
    finding = drift_findings(stack)[0]
    strange = next(path for path in (site / "findings").glob("*.html") if "taken" in path.read_text())
    return [
        site / "index.html",
        site / "endpoints" / f"{ENDPOINT}.html",
        site / "findings" / f"{finding}.html",
        strange,
    ]


def test_pages_fit_every_screen_and_ask_for_nothing(tab: Tab, pages: list[Path]) -> None:
    for page in pages:
        for width in (PHONE, DESKTOP):
            for dark in (False, True):
                tab.open(page.as_uri(), width=width, dark=dark)
                assert tab.evaluate("document.documentElement.scrollWidth") <= width, page
                assert tab.evaluate(WIDE) == [], page
                assert tab.evaluate(FAINT) == [], (page, dark)
                assert tab.complaints == [], page
                assert [each for each in tab.requests if not each.startswith("data:")] == [page.as_uri()]
                assert tab.evaluate("document.title") != "taken"


def test_the_dark_page_is_dark(tab: Tab, pages: list[Path]) -> None:
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)"
    tab.open(pages[0].as_uri(), width=DESKTOP)
    assert tab.evaluate(ground) > 600
    tab.open(pages[0].as_uri(), width=DESKTOP, dark=True)
    assert tab.evaluate(ground) < 100


def test_a_screen_reader_finds_names_headers_and_landmarks(tab: Tab, pages: list[Path]) -> None:
    for page in pages:
        for width in (PHONE, DESKTOP):
            tab.open(page.as_uri(), width=width)
            nodes = [node for node in tab.ask("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
            by_role: dict[str, list[dict[str, Any]]] = {}
            for node in nodes:
                by_role.setdefault(node["role"]["value"], []).append(node)
            assert len(by_role["main"]) == len(by_role["banner"]) == len(by_role["contentinfo"]) == 1, page
            for role in ("link", "image", "table", "columnheader", "rowheader", "searchbox"):
                for node in by_role.get(role, []):
                    assert node.get("name", {}).get("value", "").strip(), (page, role, node)
            assert tab.evaluate("[...document.querySelectorAll('[tabindex=\"0\"]')].every(each => each.ariaLabel)"), (
                page
            )
            if page == pages[0]:
                assert {"table", "rowheader", "columnheader", "cell"} <= by_role.keys()  # on a phone, too
            levels = tab.evaluate('[...document.querySelectorAll("h1,h2,h3")].map(each => +each.tagName[1])')
            assert levels[0] == 1
            assert levels.count(1) == 1
            assert all(after - before <= 1 for before, after in pairwise(levels)), levels


def test_the_keyboard_reaches_the_content_and_shows_where_it_is(tab: Tab, pages: list[Path]) -> None:
    tab.open(pages[1].as_uri(), width=DESKTOP)
    press(tab, "Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    press(tab, "Enter")
    assert tab.evaluate("location.hash") == "#content"
    press(tab, "Tab")
    style = "(s => s.outlineStyle + s.outlineWidth)(getComputedStyle(document.activeElement))"
    assert tab.evaluate(style) not in ("none0px", "auto0px")


def test_an_endpoints_page_tells_of_the_drift(tab: Tab, pages: list[Path]) -> None:
    tab.open(pages[0].as_uri(), width=DESKTOP)
    assert (
        tab.evaluate(f"document.querySelector('a[href=\"endpoints/{ENDPOINT}.html\"]').closest('tr').className")
        == "bad"
    )
    tab.evaluate(f"document.querySelector('a[href=\"endpoints/{ENDPOINT}.html\"]').click()")
    is_read = f"location.href.endsWith('{ENDPOINT}.html') && document.readyState == 'complete'"
    wait_for(lambda: bool(tab.evaluate(is_read)), 10, "the endpoint's page, read to its end")
    text = tab.evaluate("document.body.innerText")
    for told in (f"Variant {VARIANT}", "Greatest PSI of a column", "Drift alert", "columns moved"):
        assert told in text, told
    assert tab.evaluate("document.querySelectorAll('figure svg[role=img]').length") >= 7
    assert "not kept" not in text  # the window's counts are drawn against the reference's


def test_the_overview_can_be_filtered(tab: Tab, pages: list[Path]) -> None:
    tab.open(pages[0].as_uri(), width=DESKTOP)
    shown = "[...document.querySelectorAll('#fleet tbody tr')].filter(each => each.offsetParent).length"
    tab.evaluate("document.getElementById('filter').focus()")
    tab.ask("Input.insertText", text=ENDPOINT)
    assert tab.evaluate(shown) == 1
    tab.ask("Input.insertText", text="nothing is called so")
    assert tab.evaluate(shown) == 0


def test_everything_is_there_without_the_script(tab: Tab, pages: list[Path]) -> None:
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(pages[1].as_uri(), width=PHONE)
        tree = json.dumps(tab.ask("Accessibility.getFullAXTree"))
        assert "Greatest PSI of a column" in tree
        assert "three hours old" not in tree
    finally:
        tab.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_a_signed_link_opens_a_page_and_says_what_it_cannot_do(tab: Tab, stack: Deployed) -> None:
    link = stack.cloud.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": stack.state_bucket, "Key": f"site/endpoints/{ENDPOINT}.html"}
    )
    tab.open(link, width=DESKTOP)
    assert tab.evaluate("document.querySelector('h1').textContent") == ENDPOINT
    assert tab.evaluate("getComputedStyle(document.querySelector('#signed')).display") != "none"
    assert [each for each in tab.requests if not each.startswith("data:")] == [link]
    assert tab.complaints == []


def press(tab: Tab, key: str) -> None:
    codes = {"Tab": 9, "Enter": 13}
    text = {"text": "\r"} if key == "Enter" else {}
    tab.ask("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=codes[key], **text)
    tab.ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=codes[key])


def drift_findings(stack: Deployed) -> list[str]:
    return [each["id"] for each in stack.findings(ENDPOINT) if each["kind"] == "drift"]


def told_by_a_stranger() -> dict[str, Any]:
    """A finding whose every text wants to be more than text."""
    return {
        "version": "1", "id": uuid4().hex, "account": "", "region": "", "time": "2026-03-02T08:00:00Z", "endpoint": "",
        "variant": HOSTILE, "kind": "self", "severity": "info", "state": "raised", "title": HOSTILE, "reason": HOSTILE,
        "evidence": {HOSTILE: HOSTILE, "rows": [{HOSTILE: HOSTILE}], "long": "x" * 3000},
        "links": {HOSTILE: "javascript:document.title='taken'"},
    }  # fmt: skip
