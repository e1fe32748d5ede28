"""`make demo-canary`: four rollouts side by side on the local cloud, judged by the deployed functions.

Each endpoint gets a new model: one like the old, one with three times the errors, one slower by half, and one whose
endpoint nobody calls. Minutes pass faster than real ones: the SageMaker side's clock is set minute by minute, each
minute's requests are routed by the weights there are, and the deployed judge_canary is called as its schedule would,
with `at`. The decision code does not know.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.cloud import ROOT, Cloud
from local.demo_canary_page import write_page
from local.deploy import Deployment
from local.rollouts import GOLDEN_REQUESTS, changes, create_endpoint, models_of, triggers_stopped
from local.stage import DemoError, deploy_in_sight, perform, show_paths, step_printer, write_summary

FOLDER = ROOT / ".local" / "demo-canary"
MINUTE = timedelta(minutes=1)
STARTS_AGO = timedelta(hours=8)
"""The demo plays in the past, because CloudWatch takes nothing from the future."""
LONGEST = 300
WIDTH = 160
"""Columns of the table where there is no terminal to ask."""
OVER = frozenset({"promoted", "rolled_back", "failed"})
SLOW_MS = 160.0


@dataclass(frozen=True)
class Scenario:
    """An endpoint: how its new model differs from the old one, and how many requests a minute it gets."""

    name: str
    what: str
    requests: int
    canary: Mapping[str, float]


SCENARIOS = (
    Scenario("identical", "the new model is like the old one", 3000, {}),
    Scenario("more-errors", "three times the errors: 3 % instead of 1 %", 3000, {"error_rate": 0.03}),
    Scenario("slower", "slower by half: 120 ms instead of 80 ms", 3000, {"latency_ms": 120.0}),
    Scenario("no-traffic", "nobody calls the endpoint", 0, {}),
)


@dataclass
class Played:
    """What has happened in one rollout so far. `minutes`: one entry per minute that was played."""

    scenario: Scenario
    minutes: list[dict[str, Any]] = field(default_factory=list)
    outcome: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.outcome.get("phase") in OVER


def main() -> int:
    return perform("demo-canary", FOLDER, run, WIDTH)


def run(cloud: Cloud, console: Console) -> None:
    """Deploy, start four rollouts, play minutes until all are decided, and show what came of them."""
    began, say = time.monotonic(), step_printer(console)
    deployment = deploy_in_sight(cloud, console, say)
    start = (datetime.now(UTC) - STARTS_AGO).replace(second=0, microsecond=0)
    with triggers_stopped(cloud):
        cloud.set_clock(start)
        for scenario in SCENARIOS:
            bucket, golden = deployment.outputs["CaptureBucketName"], GOLDEN_REQUESTS if scenario.requests else 0
            create_endpoint(cloud, scenario.name, bucket, new=scenario.canary, golden=golden)
        cloud.flush_captures()
        for scenario in SCENARIOS:
            start_rollout(cloud, deployment, scenario, start)
        what = "10 → 25 → 50 → 100 %, five minutes a step; one second here is several minutes there"
        say("four rollouts started", what)
        played = play(cloud, deployment, start, console)
    summary = summarise(played, time.monotonic() - began)
    document = write_summary(FOLDER, summary)
    show_paths(console, (*write_page(FOLDER, summary), document))


def start_rollout(cloud: Cloud, deployment: Deployment, scenario: Scenario, now: datetime) -> None:
    document = {
        "endpoint": scenario.name,
        "model": models_of(scenario.name)[1],
        "limits": {"latency_ms": SLOW_MS},
        "by": "demo",
        "reason": scenario.what,
        "at": now.isoformat(),
    }
    answer = cloud.invoke(deployment.outputs["StartRolloutFunctionName"], document)
    if "rollout" not in answer:
        raise DemoError(f"{scenario.name}: no rollout: {answer}")


def play(cloud: Cloud, deployment: Deployment, start: datetime, console: Console) -> list[Played]:
    """Play minute after minute until every rollout is decided, with a table on screen that follows."""
    played = [Played(scenario) for scenario in SCENARIOS]
    judge = deployment.outputs["JudgeCanaryFunctionName"]
    with Live(table_of(played, 0), console=console, refresh_per_second=8) as live:
        for minute in range(LONGEST):
            if all(each.is_over for each in played):
                break
            at = start + minute * MINUTE
            for i, each in enumerate(played):
                if not each.is_over:
                    each.minutes.append(play_minute(cloud, each.scenario, at, seed=1000 * i + minute))
            cloud.set_clock(at + MINUTE)
            answer = cloud.invoke(judge, {"at": (at + MINUTE).isoformat()})
            states = changes(cloud, deployment.outputs["StateTableName"])
            for each in played:
                if each.scenario.name in answer["rollouts"]:
                    each.outcome, each.state = answer["rollouts"][each.scenario.name], states[each.scenario.name]
                    each.minutes[-1] |= evidence_of(each.state)
            live.update(table_of(played, minute + 1))
    unfinished = [each.scenario.name for each in played if not each.is_over]
    if unfinished:
        raise DemoError(f"not decided after {LONGEST} minutes: {', '.join(unfinished)}")
    return played


def play_minute(cloud: Cloud, scenario: Scenario, at: datetime, seed: int) -> dict[str, Any]:
    """A minute's requests to one endpoint; what production and canary got of them."""
    got: dict[str, Any] = {"canary": 0, "canary_errors": 0, "production": 0, "production_errors": 0}
    for served in cloud.send_traffic(scenario.name, at, scenario.requests, seed=seed) if scenario.requests else []:
        arm = "canary" if served["variant"] == "Canary" else "production"
        got[arm] += served["requests"]
        got[f"{arm}_errors"] += served["errors"]
    return got


def evidence_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be drawn of a judgement."""
    judged = state.get("judgement", {})
    return {
        "share": state["ladder"][-1]["share"] if state.get("ladder") else 0.0,
        "phase": state["phase"],
        "ln_e_harm": judged.get("ln_e_harm"),
        "ln_e_harm_slow": judged.get("ln_e_harm_slow"),
        "ln_e_alarm": judged.get("ln_e_alarm"),
        "decision": judged.get("decision"),
    }


def table_of(played: list[Played], minute: int) -> Table:
    """How the rollouts stand."""
    table = Table(title=f"minute {minute}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    columns: tuple[tuple[str, Callable[[Played], Text | str]], ...] = (
        ("rollout", lambda each: Text(each.scenario.name, "bold")),
        ("phase", lambda each: phase_text(each)),
        ("share", lambda each: f"{share_of(each):.0%}"),
        ("canary", lambda each: rate_text(each, "canary")),
        ("production", lambda each: rate_text(each, "production")),
        ("ln E (errors, slow)", lambda each: evidence_text(each)),
        ("why", lambda each: Text(str(each.outcome.get("reason", "")), "dim", no_wrap=True, overflow="ellipsis")),
    )
    for name, _ in columns:
        table.add_column(name, no_wrap=name != "why")  # what may wrap gives way first
    for each in played:
        table.add_row(*(cell(each) for _, cell in columns))
    return table


def share_of(played: Played) -> float:
    """The canary's part of the traffic now."""
    return 1.0 if played.outcome.get("phase") in ("finishing", "promoted") else float(played.outcome.get("share", 0.0))


def phase_text(played: Played) -> Text:
    phase = str(played.outcome.get("phase", ""))
    style = {"promoted": "bold green", "rolled_back": "bold red", "rolling_back": "red", "failed": "bold red"}
    return Text(phase.replace("_", " "), style.get(phase, ""))


def rate_text(played: Played, arm: str) -> str:
    requests = sum(minute[arm] for minute in played.minutes)
    errors = sum(minute[f"{arm}_errors"] for minute in played.minutes)
    return f"{errors:,} of {requests:,} ({errors / requests:.2%})" if requests else "no requests"


def evidence_text(played: Played) -> Text:
    last = next((minute for minute in reversed(played.minutes) if minute.get("ln_e_alarm") is not None), None)
    if last is None:
        return Text("")
    values = [last[name] for name in ("ln_e_harm", "ln_e_harm_slow") if last[name] is not None]
    text = Text(" ".join(f"{value:+.1f}" for value in values))
    text.append(f" / {last['ln_e_alarm']:.1f}", "dim")
    text.stylize("bold red" if any(value >= last["ln_e_alarm"] for value in values) else "")
    return text


def summarise(played: list[Played], seconds: float) -> dict[str, Any]:
    """The demo's result as one document. `minutes` until the decision; the ladder as [minute, percent]."""
    return {"rollouts": [rollout_summary(each) for each in played], "seconds": round(seconds, 1)}


def rollout_summary(played: Played) -> dict[str, Any]:
    state = played.state
    started = datetime.fromisoformat(state["started"])

    def minute_of(moment: str) -> float:
        return round((datetime.fromisoformat(moment) - started) / MINUTE, 1)

    events = {entry["event"]: entry for entry in reversed(state["history"])}
    decided = events.get("rolling_back") or events.get("finishing") or state["history"][-1]
    return {
        "name": played.scenario.name,
        "what": played.scenario.what,
        "decision": "PROMOTE" if state["phase"] == "promoted" else state["judgement"]["decision"],
        "minutes": minute_of(decided["at"]),
        "requests": sum(minute["canary"] for minute in played.minutes),
        "reason": state["judgement"]["reason"] if state["phase"] == "promoted" else state["reason"],
        "ladder": [[minute_of(each["since"]), round(100 * each["share"])] for each in state["ladder"]],
        "events": [[minute_of(entry["at"]), entry["event"], entry["text"]] for entry in state["history"]],
        "per_minute": played.minutes,
    }


if __name__ == "__main__":
    sys.exit(main())
