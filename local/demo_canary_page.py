"""The canary demo's result to look at: a picture of traffic, errors and evidence over time, and a page around it."""

from collections.abc import Mapping
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from local.page import html_page

DECIDED = {"PROMOTE": "promoted", "ROLL_BACK": "rolled back", "INCONCLUSIVE": "undecided, traffic back"}
LOWEST = -12.0
"""Of the evidence of harm, what is below is not drawn."""
CANARY, STABLE, SLOW, BAD, GOOD = "#c8553d", "#4a6fa5", "#8d6a9f", "#a3293b", "#1a7f37"
_STYLE = """
td.n { white-space: nowrap; }
.PROMOTE, .ROLL_BACK, .INCONCLUSIVE { color: var(--bad); font-weight: 600; } .PROMOTE { color: var(--good); }
"""


def write_page(folder: Path, summary: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write `rollouts.png` and `index.html` into the folder; their paths."""
    picture, page = folder / "rollouts.png", folder / "index.html"
    draw(summary, picture)
    page.write_text(_page(summary))
    return picture, page


def draw(summary: Mapping[str, Any], path: Path) -> None:
    """One column a rollout: the canary's share, both error rates so far, the evidence of harm, and the decision."""
    rollouts = summary["rollouts"]
    figure, grid = plt.subplots(3, len(rollouts), figsize=(4.2 * len(rollouts), 7.6), dpi=120, sharex="col")
    for column, rollout in zip(grid.T, rollouts, strict=True):
        _draw_share(column[0], rollout)
        _draw_errors(column[1], rollout)
        _draw_evidence(column[2], rollout)
        colour = GOOD if rollout["decision"] == "PROMOTE" else BAD
        for axes in column:
            axes.axvline(rollout["minutes"], color=colour, linewidth=1.5, linestyle="--", zorder=3)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#eceff3", zorder=0)
        column[0].set_title(f"{rollout['name']}\n", loc="left", fontweight="bold")
        decided = DECIDED[rollout["decision"]]
        column[0].text(
            0, 1.03, f"{decided} after {rollout['minutes']:g} min", color=colour, transform=column[0].transAxes
        )
        column[2].set_xlabel("minute")
    for axes, label in zip(
        grid[:, 0], ("share of the traffic (%)", "error rate so far (%)", "evidence of harm (ln E)"), strict=True
    ):
        axes.set_ylabel(label)
    for axes in grid[1:, 0]:
        axes.legend(frameon=False, fontsize=9, loc="best")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _draw_share(axes: Any, rollout: Mapping[str, Any]) -> None:
    shares = [100 * minute.get("share", 0.0) for minute in rollout["per_minute"]]
    minutes = range(1, len(shares) + 1)
    axes.step(minutes, shares, where="post", color=CANARY, linewidth=2, zorder=4)
    axes.fill_between(minutes, shares, step="post", color=CANARY, alpha=0.15)
    axes.set_ylim(0, 105)


def _draw_errors(axes: Any, rollout: Mapping[str, Any]) -> None:
    for arm, colour, label in (("canary", CANARY, "canary"), ("production", STABLE, "production")):
        requests = list(accumulate(minute[arm] for minute in rollout["per_minute"]))
        errors = list(accumulate(minute[f"{arm}_errors"] for minute in rollout["per_minute"]))
        rates = [100 * e / n if n else float("nan") for e, n in zip(errors, requests, strict=True)]
        axes.plot(range(1, len(rates) + 1), rates, color=colour, linewidth=2, label=label, zorder=4)
    if not any(minute["production"] for minute in rollout["per_minute"]):
        axes.text(0.5, 0.5, "no requests", ha="center", transform=axes.transAxes, color="#777")
    axes.set_ylim(bottom=0)


def _draw_evidence(axes: Any, rollout: Mapping[str, Any]) -> None:
    minutes, values = rollout["per_minute"], [0.0]
    for name, colour, label in (("ln_e_harm", CANARY, "errors"), ("ln_e_harm_slow", SLOW, "slow requests")):
        points = [(i, minute[name]) for i, minute in enumerate(minutes, 1) if minute.get(name) is not None]
        values += [value for _, value in points]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=2, label=label, zorder=4)
    alarm = next((minute["ln_e_alarm"] for minute in reversed(minutes) if minute.get("ln_e_alarm") is not None), None)
    if alarm is not None:
        axes.axhline(alarm, color="#444", linewidth=1, linestyle=":")
        axes.text(1, alarm, "roll back", va="bottom", fontsize=9, color="#444")
        axes.set_ylim(LOWEST, max(1.3 * alarm, *(1.1 * value for value in values)))


def _page(summary: Mapping[str, Any]) -> str:
    rows = "\n".join(_row(rollout) for rollout in summary["rollouts"])
    stories = "\n".join(_story(rollout) for rollout in summary["rollouts"])
    body = f"""<h1>Four rollouts</h1>
<p>Four endpoints of the local cloud got a new model at the same time, in steps of 10, 25, 50 and 100 % of the traffic.
The deployed functions shifted the traffic, judged the canaries each minute, and promoted or rolled back by
themselves.</p>
<div class="wide">
<img src="rollouts.png" alt="Per rollout over time: the canary's share, both error rates, the evidence, the decision">
</div>
<h2>What was decided</h2>
<div class="wide"><table>
<thead><tr><th>Rollout<th>New model<th>Decision<th>After<th>Requests to the canary<th>Ladder<th>Why</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
<h2>What happened</h2>
{stories}"""
    return html_page("Trimtab demo: four rollouts", _STYLE, body)


def _row(rollout: Mapping[str, Any]) -> str:
    ladder = " → ".join(f"{share} %" for _, share in rollout["ladder"]) or "none"
    decision = rollout["decision"]
    return (
        f"<tr><td class=n>{escape(rollout['name'])}<td>{escape(rollout['what'])}"
        f'<td class="n {decision}">{DECIDED[decision]}<td class=n>{rollout["minutes"]:g} min'
        f"<td class=n>{rollout['requests']:,}<td class=n>{ladder}<td>{escape(rollout['reason'])}</tr>"
    )


def _story(rollout: Mapping[str, Any]) -> str:
    events = "".join(
        f"<tr><td class=n>{minute:g} min<td class=n>{escape(event.replace('_', ' '))}<td>{escape(text)}</tr>"
        for minute, event, text in rollout["events"]
    )
    return f"<h3>{escape(rollout['name'])}</h3>\n<div class=wide><table><tbody>{events}</tbody></table></div>"
