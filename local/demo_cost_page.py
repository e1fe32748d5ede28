"""The cost demo's result to look at: a picture per endpoint of demand against capacity, and a page around them."""

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np

from local.demo_cost_answers import Answer
from local.load_profiles import Minutes
from local.page import html_page

DEMAND, NOW, PROPOSED = "#4a86c5", "#c8553d", "#3f9b5a"
LIGHT, DARK = ("#222222", "#dfe3e8"), ("#d5dae1", "#3a414b")
"""Colours of the text and of the grid."""
EACH = 10
"""Minutes that one drawn point stands for."""
WORDS = {"OVERSIZED": "over-sized", "IDLE": "idle", "UNDERSIZED": "under-sized", "RIGHT_SIZED": "right-sized"}
_STYLE = """
.wide table { font-size: .92rem; }
.fleet { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 2rem; }
h3 { margin-bottom: 0; } h3 + p { margin-top: 0; }
.wide td, .wide th { white-space: nowrap; } section { min-width: 0; overflow-wrap: anywhere; }
section th { width: 8rem; overflow-wrap: normal; }
.OVERSIZED { color: var(--warn); font-weight: 600; } .RIGHT_SIZED { color: var(--good); font-weight: 600; }
.IDLE, .UNDERSIZED, .INSUFFICIENT_DATA { color: var(--bad); font-weight: 600; }
"""


def write_page(folder: Path, answers: Sequence[Answer]) -> tuple[Path, Path]:
    """Write `fleet.png` and `index.html` with its pictures into the folder; the paths of the two."""
    picture, page = folder / "fleet.png", folder / "index.html"
    figure, grid = plt.subplots(3, 2, figsize=(13, 11), dpi=120)
    for axes, answer in zip(grid.flat, answers, strict=True):
        _draw(axes, answer, LIGHT, title=answer.member.name)
    figure.tight_layout()
    figure.savefig(picture)
    plt.close(figure)
    for answer in answers:
        for colours, suffix in ((LIGHT, ""), (DARK, "-dark")):
            figure, axes = plt.subplots(figsize=(7, 3.4), dpi=120)
            _draw(axes, answer, colours)
            figure.tight_layout()
            figure.savefig(folder / f"{answer.member.name}{suffix}.png", transparent=True)
            plt.close(figure)
    page.write_text(_page(answers))
    return picture, page


def _draw(axes: Any, answer: Answer, colours: tuple[str, str], title: str = "") -> None:
    """What came, and what could have been answered within the target: now, and as proposed."""
    text, line = colours
    demand = _strongest(answer.rps, np.max)
    at = [answer.start + timedelta(minutes=EACH * number) for number in range(len(demand))]
    axes.fill_between(at, demand, color=DEMAND, alpha=0.8, linewidth=0.7, label="requests")
    highest = float(demand.max())
    for capacity, colour, label in (
        (answer.capacity_now, NOW, "capacity now"),
        (answer.capacity_proposed, PROPOSED, "capacity proposed"),
    ):
        if capacity is not None:
            lowest = _strongest(capacity, np.min)
            axes.step(at, lowest, where="post", color=colour, linewidth=1.6, label=label)
            highest = max(highest, float(lowest.max()))
    if not demand.any():
        axes.text(0.5, 0.5, "no request in two weeks", ha="center", transform=axes.transAxes, color=text, fontsize=12)
    axes.set_ylim(0, max(1.28 * highest, 1))
    axes.set_xlim(at[0], at[-1])
    axes.xaxis.set_major_locator(mdates.DayLocator(interval=2))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%a %-d"))
    axes.set_ylabel("requests a second", color=text)
    axes.set_title(title, loc="left", fontweight="bold", color=text)
    axes.tick_params(colors=text)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(text)
    axes.grid(axis="y", color=line, zorder=0)
    axes.set_axisbelow(True)
    if demand.any():
        axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=3, labelcolor=text)


def _strongest(values: Minutes, choose: Any) -> Minutes:
    whole = values[: len(values) // EACH * EACH].reshape(-1, EACH)
    chosen: Minutes = choose(whole, axis=1)
    return chosen


def _page(answers: Sequence[Answer]) -> str:
    now = sum(each.now["monthly_usd"] or 0.0 for each in answers)
    low, mid, high = (sum(each.saving[number] for each in answers) for number in range(3))
    rows = "\n".join(_row(answer) for answer in answers)
    stories = "\n".join(_story(answer) for answer in answers)
    body = f"""<h1>Six endpoints, and what they should run on</h1>
<p>Two weeks of minutes, shaped by real CloudWatch series, as SageMaker's metrics would have told them. The deployed
functions sized each endpoint from those metrics alone, replayed their proposals against the same minutes, and counted
what a prediction costs.</p>
<ul class="facts">
<li><b>{now:,.0f} USD</b> a month now</li>
<li><b>{mid:,.0f} USD</b> of it could be saved (90 % interval {low:,.0f} to {high:,.0f})</li>
</ul>
<div class="wide"><table>
<thead><tr><th>Endpoint<th>Verdict<th>Now<th>Proposed<th>USD a month<th>Saved (90 % interval)
<th>USD per 1,000<th>Confidence</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<h2>Demand against capacity</h2>
<p>Capacity is what the instances answer within the latency target (p95). That of the proposal is its replay: scaled by
its policy, with the alarms' delays, cool-downs and the minutes that an instance takes to start. All times are UTC.</p>
<div class="fleet">
{stories}
</div>"""
    return html_page("Trimtab demo: a fleet of six endpoints", _STYLE, body)


def _row(answer: Answer) -> str:
    low, mid, high = answer.saving
    confidence = "" if answer.confidence is None else f"{100 * answer.confidence:.0f} %"
    saved = f"{mid:,.0f} ({low:,.0f} to {high:,.0f})" if mid else "–"
    return (
        f"<tr><td>{escape(answer.member.name)}"
        f'<td class="{answer.verdict}">{WORDS.get(answer.verdict, "not enough data")}'
        f"<td>{answer.member.count} × {answer.member.instance_type}<td>{escape(answer.proposed)}"
        f"<td>{_months(answer)}<td>{saved}<td>{_prices(answer)}<td>{confidence}</tr>"
    )


def _months(answer: Answer) -> str:
    after = f" → {answer.proposal['monthly_usd']:,.0f}" if answer.proposal else ""
    return f"{answer.now['monthly_usd']:,.0f}{after}"


def _prices(answer: Answer) -> str:
    prices = [each for each in (answer.usd_per_thousand, answer.proposed_usd_per_thousand) if each is not None]
    return " → ".join(f"{each:.4f}" for each in prices) or "no predictions"


def _story(answer: Answer) -> str:
    name = escape(answer.member.name)
    facts = [("Why", answer.reason), *_simulated(answer), *_policy(answer)]
    facts += [
        (each["name"].replace("_", " ").capitalize(), _advised(each))
        for each in answer.advice
        if each["name"] != "idle"
    ]
    if answer.proposal and answer.proposal["confidence"]["reasons"]:
        facts.append(("Doubts", "; ".join(answer.proposal["confidence"]["reasons"])))
    rows = "".join(f"<tr><th>{escape(head)}<td>{escape(text)}" for head, text in facts)
    return f"""<section>
<h3>{name}</h3>
<p>{escape(answer.member.what)}; target p95 {answer.member.target_ms:g} ms</p>
<picture><source media="(prefers-color-scheme: dark)" srcset="{name}-dark.png">
<img src="{name}.png" alt="{name}: requests a second in two weeks, and the capacity now and as proposed"></picture>
<table><tbody>{rows}</tbody></table>
</section>"""


def _simulated(answer: Answer) -> list[tuple[str, str]]:
    replays = [("Simulated, now", answer.working["simulation_today"])]
    if answer.proposal:
        replays.append(("Simulated, proposed", answer.proposal["simulation"]))
    return [
        (
            head,
            f"{100 * replay['minutes_over_target']:.3f} % of minutes over the target, "
            f"{replay['mean_instances']:.2f} instances on average, {replay['most_instances']} at most, "
            f"{replay['changes']} changes",
        )
        for head, replay in replays
        if replay
    ]


def _policy(answer: Answer) -> list[tuple[str, str]]:
    policy = answer.proposal["policy"] if answer.proposal else None
    if not policy or policy["minimum"] == policy["maximum"]:
        return []
    text = f"{policy['minimum']} to {policy['maximum']} instances, {policy['metric']} {policy['target_value']:,.0f}"
    scheduled = "; ".join(f"at least {each['minimum']} from {each['schedule']}" for each in policy["scheduled"])
    return [("Scaling", text), *([("Schedule", scheduled)] if scheduled else [])]


def _advised(advice: Any) -> str:
    return "; ".join([advice["reason"], *advice["obstacles"]])
