"""The demo's result to look at: a picture of PSI over time, and a page around it."""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt

from local.inbox import Mail
from local.page import html_page

_COLOURS = ("#d1495b", "#00798c", "#edae49", "#5b5ea6", "#66a182", "#8d6a9f", "#2e4057", "#b08968")
_QUIET = "#b8bec7"
_STYLE = """
.wide img { min-width: 40rem; }
pre { background: var(--soft); padding: 1rem; overflow-x: auto; border-radius: 6px; font-size: .85rem; }
.slack { white-space: pre-wrap; overflow-wrap: anywhere; }
th, td { white-space: nowrap; }
.ALERT { color: var(--bad); font-weight: 600; } .WARN { color: var(--warn); } .OK { color: var(--good); }
tr.change td { border-top: 3px solid currentColor; }
"""


def write_page(folder: Path, summary: Mapping[str, Any], mail: Mail, slack: str) -> tuple[Path, Path]:
    """Write `psi.png` and `index.html` into the folder; their paths."""
    picture, page = folder / "psi.png", folder / "index.html"
    draw(summary, picture)
    page.write_text(_page(summary, mail, slack))
    return picture, page


def draw(summary: Mapping[str, Any], path: Path) -> None:
    """PSI of every feature in every window, with the threshold, the true change and the alert."""
    windows = summary["windows"]
    middles = [_middle(window) for window in windows]
    series = {
        name: [window["columns"].get(name, {}).get("psi") for window in windows] for name in windows[0]["columns"]
    }
    threshold = summary["psi_threshold"]
    alerting = sorted(
        {name for window in windows for name, column in window["columns"].items() if column["verdict"] == "ALERT"},
        key=lambda name: -max(value or 0 for value in series[name]),
    )
    figure, axes = plt.subplots(figsize=(11, 5.2), dpi=130)
    for name, values in series.items():
        if name not in alerting:
            axes.plot(middles, values, color=_QUIET, linewidth=1.2, zorder=2)
    for name, colour in zip(alerting, _COLOURS, strict=False):
        axes.plot(middles, series[name], color=colour, linewidth=2, marker="o", markersize=3, label=name, zorder=3)
    quiet = len(series) - len(alerting)
    if quiet:
        axes.plot([], [], color=_QUIET, label=f"{quiet} columns that did not drift")
    axes.axhline(threshold, color="#444", linewidth=1, linestyle="--", zorder=1)
    axes.text(
        middles[-1],
        threshold,
        f"PSI {threshold:g}: harmless up to here",
        va="bottom",
        ha="right",
        fontsize=9,
        color="#444",
    )
    change = datetime.fromisoformat(summary["true_change"])
    axes.axvline(change, color="black", linewidth=1.4, zorder=1)
    axes.annotate(
        "the data changes", (change, 1), xycoords=("data", "axes fraction"), xytext=(-6, -14),
        textcoords="offset points", ha="right", fontsize=10,
    )  # fmt: skip
    raised = next((window for window in windows if window["start"] == summary["alert_raised_in_window"]), None)
    if raised:
        axes.axvspan(
            datetime.fromisoformat(raised["start"]), datetime.fromisoformat(raised["end"]), color="#d1495b", alpha=0.25
        )
        axes.annotate(
            "alert raised", (datetime.fromisoformat(raised["end"]), 1), xycoords=("data", "axes fraction"),
            xytext=(6, -14), textcoords="offset points", fontsize=10, color="#a3293b", weight="bold",
        )  # fmt: skip
    axes.set_yscale("symlog", linthresh=threshold / 2, linscale=0.6)
    highest = max(value or 0 for values in series.values() for value in values)
    axes.set_ylim(0, max(4 * highest, 4 * threshold))
    axes.yaxis.set_major_locator(mpl.ticker.FixedLocator([0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]))
    axes.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.xaxis.set_major_locator(mdates.MonthLocator())
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%b %Y"))
    axes.set_ylabel("PSI against the reference")
    axes.set_title(f"{summary['dataset']['rows']:,} requests of the car-loan model, window by window", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eceff3", zorder=0)
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0.92), frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _middle(window: Mapping[str, Any]) -> datetime:
    start, end = datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])
    return start + (end - start) / 2


def _page(summary: Mapping[str, Any], mail: Mail, slack: str) -> str:
    windows = summary["windows"]
    change = summary["true_change"]
    early = sum(window["verdict"] == "ALERT" and window["end"] <= change for window in windows)
    raised = sum(finding["kind"] == "drift" and finding["state"] == "raised" for finding in summary["findings"])
    window = summary["alert_raised_in_window"]
    raised_in = f"in the window that begins on {_minute(window)}" if window else "at all"
    rows = "\n".join(_row(window, change) for window in windows)
    body = f"""<h1>One drift, one alert</h1>
<p>A car-loan model's endpoint on the local cloud: {summary["dataset"]["rows"]:,} requests, captured as SageMaker
captures them and judged by the deployed functions against the model's own reference data. The data changes on
{_minute(change)}.</p>
<ul class="facts">
<li><b>{len(windows)}</b> windows judged</li>
<li><b>{early}</b> false alarms before the change</li>
<li><b>{raised}</b> alert raised, {raised_in}</li>
</ul>
<div class="wide">
<img src="psi.png" alt="PSI of every column over time, with the threshold, the true change and the alert marked">
</div>
<h2>What people received</h2>
<h3>Slack</h3>
<pre class="slack">{escape(slack)}</pre>
<h3>Mail: {escape(mail.subject)}</h3>
<pre>{escape(mail.body)}</pre>
<h2>Every window</h2>
<div class="wide"><table>
<thead><tr><th>From<th>To<th>Rows<th>Verdict<th>Moved most (PSI)</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>"""
    return html_page("Trimtab demo: car loan", _STYLE, body)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ") + " UTC"


def _row(window: Mapping[str, Any], change: str) -> str:
    ranked = sorted(window["columns"].items(), key=lambda item: -(item[1]["psi"] or 0))[:3]
    moved = ", ".join(f"{escape(name)} {column['psi']:.3f}" for name, column in ranked if column["psi"] is not None)
    mark = ' class="change"' if window["start"] <= change < window["end"] else ""
    start, end = (window[key][:16].replace("T", " ") for key in ("start", "end"))
    verdict = window["verdict"]
    return f'<tr{mark}><td>{start}<td>{end}<td>{window["rows"]:,}<td class="{verdict}">{verdict}<td>{moved}</tr>'
