"""The retraining demo's result to look at: a picture of accuracy, training, gates and canary, and a page around it."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from local.page import html_page

OLD, NEW, BAD, GOOD, MUTED = "#4a6fa5", "#1a7f37", "#a3293b", "#1a7f37", "#9aa3ad"
STATUS_COLOURS: Mapping[str, str] = {
    "Starting": "#d9dee5", "Downloading": "#b9c6d8", "Training": OLD, "Interrupted": "#c8553d", "Uploading": "#8d6a9f",
}  # fmt: skip
MARGIN = 0.012
_STYLE = """
table { overflow-wrap: anywhere; }
tbody th, td.n { white-space: nowrap; font-weight: 600; }
.gates td:nth-child(3) { width: 42%; }
.good { color: var(--good); } .bad { color: var(--bad); }
"""


def write_page(folder: Path, summary: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write `retraining.png` and `index.html` into the folder; their paths."""
    picture, page = folder / "retraining.png", folder / "index.html"
    draw(summary, picture)
    page.write_text(_page(summary))
    return picture, page


def draw(summary: Mapping[str, Any], path: Path) -> None:
    """Accuracy before and after above; below it the training, both candidates at the gate, and the canary's share."""
    figure = plt.figure(figsize=(13.5, 8), dpi=120)
    grid = figure.add_gridspec(2, 3, height_ratios=(1.25, 1))
    _draw_accuracy(figure.add_subplot(grid[0, :]), summary["accuracy"])
    _draw_training(figure.add_subplot(grid[1, 0]), summary["training"][0])
    _draw_gate(figure.add_subplot(grid[1, 1]), summary)
    _draw_canary(figure.add_subplot(grid[1, 2]), summary["rollout"]["per_minute"])
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _draw_accuracy(axes: Any, accuracy: Mapping[str, Any]) -> None:
    by_thousand = accuracy["by_thousand"]
    for name, colour, style in (("past", OLD, "-"), ("before", OLD, "--"), ("after", NEW, "-")):
        rows, shares = zip(*by_thousand[name], strict=True)
        axes.plot([row + 500 for row in rows], [100 * s for s in shares], style, color=colour, linewidth=2)
    for name, model, colour in (("before", "the old model", OLD), ("after", "the new model", NEW)):
        share = 100 * accuracy[name]["correct"] / accuracy[name]["rows"]
        label = f"{share:.2f} %\n{model}"
        axes.text(by_thousand[name][-1][0] + 900, share, label, color=colour, va="center", fontweight="bold")
    axes.set_xlim(right=by_thousand["after"][-1][0] + 3500)
    axes.set_ylim(top=axes.get_ylim()[1] + 0.4)
    axes.axvspan(*accuracy["labelled"], color="#f2efe6", zorder=0)
    axes.axvline(accuracy["change_row"], color=BAD, linewidth=1.2, linestyle=":")
    top = axes.get_ylim()[1]
    axes.text(accuracy["change_row"] - 150, top, "the data changes", color=BAD, ha="right", va="top")
    axes.text(sum(accuracy["labelled"]) / 2, top, "labelled rows, to train on and to judge by", va="top", ha="center")
    axes.set_title("Accuracy of each thousand requests", loc="left", fontweight="bold", fontsize=10.5)
    axes.set_xlabel("request")
    axes.set_ylabel("accuracy (%)")
    axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="y", color="#eceff3")


def _draw_training(axes: Any, training: Mapping[str, Any]) -> None:
    for (status, start), (_, end) in pairwise(training["transitions"]):
        axes.barh(status, end - start, left=start, color=STATUS_COLOURS.get(status, MUTED), height=0.6)
    axes.invert_yaxis()
    saved = f"spot saved {training['saved_percent']:.0f} % of {training['training_seconds']:.0f} s"
    axes.set_title(f"The training job: {saved}", loc="left", fontweight="bold", fontsize=10.5)
    axes.set_xlabel("minute")


def _draw_gate(axes: Any, summary: Mapping[str, Any]) -> None:
    """Accuracy of both candidates with the bound that is judged, against the threshold."""
    places: list[str] = []
    threshold = 0.0
    for label, gates in (("new model", summary["gates"]), ("2nd candidate", summary["refused"]["gates"])):
        for gate in (each for each in gates if each["gate"] == "accuracy"):
            place, value, lower = len(places), gate["value"], (gate["ci"] or [None])[0]
            colour, threshold = GOOD if gate["passed"] else BAD, gate["threshold"]
            axes.plot([value], [place], "o", color=colour)
            if lower is not None:
                axes.plot([lower, value], [place, place], "-|", color=colour, linewidth=2, markersize=9)
            axes.text(value + MARGIN, place, f"{value:.3f}", color=colour, va="center")
            places.append(f"{label},\n{gate['dataset']}")
    axes.axvline(threshold, color="#444", linewidth=1, linestyle=":")
    axes.text(threshold, len(places) - 0.45, f"{threshold:g} asked for  ", ha="right", va="center", color="#444")
    axes.set_yticks(range(len(places)), places)
    axes.set_ylim(len(places) - 0.2, -0.5)
    axes.set_xlim(right=1.06)
    axes.set_title("The accuracy gate: value and 95 % bound", loc="left", fontweight="bold", fontsize=10.5)


def _draw_canary(axes: Any, minutes: Sequence[Mapping[str, Any]]) -> None:
    got = [100 * each["canary"] / max(1, each["canary"] + each["production"]) for each in minutes]
    axes.step(range(1, len(got) + 1), got, where="mid", color=NEW, linewidth=2)
    axes.fill_between(range(1, len(got) + 1), got, step="mid", color=NEW, alpha=0.15)
    axes.set_ylim(0, 105)
    axes.set_title("The canary's share of requests (%)", loc="left", fontweight="bold", fontsize=10.5)
    axes.set_xlabel("minute")


def _page(summary: Mapping[str, Any]) -> str:
    accuracy, training, version = summary["accuracy"], summary["training"][0], summary["version"]
    before, after = (accuracy[name]["correct"] / accuracy[name]["rows"] for name in ("before", "after"))
    story = (
        ("The drift", summary["drift"]["reason"]),
        ("The start", "; ".join(f"{each['guard']}: {each['reason']}" for each in summary["start"]["guards"])),
        (
            "The training",
            f"{training['name']} was on spot instances for {training['training_seconds']:.0f} s, was interrupted "
            f"once and went on from its checkpoint; {training['billable_seconds']:.0f} s were billed, "
            f"${training['cost_usd']:.4f}.",
        ),
        ("The version", f"{version['package']}, its record {version['record']} with hash {version['sha256']}"),
        ("The canary", f"promoted after {summary['rollout']['minutes']} minutes: {summary['rollout']['reason']}"),
        (
            "Did it help?",
            f"{summary['helped']['next_window']['outcome']}: {summary['helped']['next_window']['reason']}",
        ),
        ("Another, at once", f"refused by the guards: {summary['refused']['guards']}"),
        (
            "The second candidate",
            "refused by these gates: "
            + ", ".join(
                dict.fromkeys(g["gate"].replace("_", " ") for g in summary["refused"]["gates"] if not g["passed"])
            ),
        ),
    )
    told = "\n".join(f"<tr><th>{escape(name)}<td>{escape(text)}</tr>" for name, text in story)
    body = f"""<h1>From a drift to a better model</h1>
<p>Requests to a car-loan model drifted. Trimtab's deployed functions found it, trained a new model on labelled rows of
after the change, gated, registered and released it. On the {accuracy["after"]["rows"]:,} requests that follow, which no
training has seen, accuracy was <b>{before:.2%}</b> with the old model and is <b class="good">{after:.2%}</b> with the
new one. Another candidate was <b class="bad">refused</b>.</p>
<div class="wide">
<img src="retraining.png" alt="Accuracy over time, the training job, both candidates at the accuracy gate, the canary">
</div>
<h2>What happened</h2>
<div class="wide"><table><tbody>
{told}
</tbody></table></div>
<h2>The gates</h2>
<p>Of the new model, and of the second candidate, whose labels were joined one row late.</p>
<div class="wide"><table class="gates">
<thead><tr><th>Gate<th>Data set<th>New model<th>Second candidate</tr></thead>
<tbody>
{_gate_rows(summary)}
</tbody>
</table></div>"""
    return html_page("Trimtab demo: from a drift to a better model", _STYLE, body)


def _gate_rows(summary: Mapping[str, Any]) -> str:
    second = {(each["gate"], each["dataset"]): each for each in summary["refused"]["gates"]}
    return "\n".join(
        f"<tr><td class=n>{escape(each['gate'].replace('_', ' '))}<td class=n>{escape(each['dataset'])}"
        f"{_cell(each)}{_cell(second.get((each['gate'], each['dataset'])))}</tr>"
        for each in summary["gates"]
    )


def _cell(gate: Mapping[str, Any] | None) -> str:
    if gate is None:
        return "<td>"
    return f'<td class="{"good" if gate["passed"] else "bad"}">{escape(gate["reason"])}'
