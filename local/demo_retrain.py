"""`make demo-retrain`: from a drift to a better model on the local cloud, by the deployed functions.

Car-loan requests drift; detect_drift's finding starts a training job on spot, which really fits scikit-learn's boosted
trees to labelled rows of after the change and is interrupted once. The model passes the gates, is registered, approved,
and released as a canary. The requests of the weeks after are sent to the endpoint before and after that. A second
candidate, whose labels were joined one row late, is refused by the gates.

The SageMaker side's clock is set, hours in the past, so that minutes pass faster than real ones: see `play`.
"""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from local.cloud import Cloud
from local.dataset import CAR_LOAN_CHANGE_ROW, DataSet, event_times, load_dataset, part
from local.demo import ENDPOINT, play_days
from local.demo_retrain_page import write_page
from local.inbox import finding_log
from local.retrain_story import (
    FOLDER,
    HOLDOUT_EVERY,
    LABELLED,
    Story,
    change_settings,
    let_behave,
    prepare,
    put_rows,
    score,
    tell_labels,
)
from local.rollouts import changes, triggers_stopped
from local.stage import DemoError, deploy_in_sight, perform, show_paths, step_printer, wait_for, write_summary
from trimtab.training.version_record import verify_chain

MINUTE = timedelta(minutes=1)
STARTS_AGO = timedelta(hours=8)
WIDTH = 160
"""Columns where there is no terminal to ask."""
PLAYED = (22_000, 29_000)
"""Rows of the analysis half that are played as captures, the change among them."""
NEXT_WINDOW = (40_000, 50_000)
"""What nobody has seen when the new model is trained."""
REQUESTS = 6000
LONGEST = 200
SPOT: Mapping[str, Any] = {
    "starting_seconds": 60, "downloading_seconds": 30, "step_seconds": 30, "uploading_seconds": 30,
    "spot_wait_seconds": 240,
}  # fmt: skip
INTERRUPTED_AFTER = 200
"""Seconds on its instances after which the first training loses them."""


def main() -> int:
    return perform("demo-retrain", FOLDER, run, WIDTH)


def run(cloud: Cloud, console: Console) -> None:
    """Deploy, let it drift, and follow what the functions make of it."""
    began, say = time.monotonic(), step_printer(console)
    deployment = deploy_in_sight(cloud, console, say, {"CaptureBatchSeconds": "1"})
    findings = finding_log(cloud, deployment.outputs["FindingsBusName"])
    start = (datetime.now(UTC) - STARTS_AGO).replace(second=0, microsecond=0)
    story = Story(cloud, deployment.outputs, findings, say, start)
    data = load_dataset("car_loan:analysis")
    with triggers_stopped(cloud):
        cloud.set_clock(start)
        prepare(story, data)
        drift(story, data, console)
        train(story)
        before = score(story, data.rows.iloc[slice(*NEXT_WINDOW)])
        approve(story)
        play(story, console)
        compare(story, data, before)
        refuse(story, data)
    story.summary["seconds"] = round(time.monotonic() - began, 1)
    document = write_summary(FOLDER, story.summary)
    show_paths(console, (*write_page(FOLDER, story.summary), document))


def drift(story: Story, data: DataSet, console: Console) -> None:
    """Play captures over the change, until detect_drift's finding has started a training."""
    change = event_times(data).loc[CAR_LOAN_CHANGE_ROW].to_pydatetime()
    rows = part(data, *PLAYED)
    story.say(
        "playing", f"{len(rows):,} requests; the data changes at {change:%Y-%m-%d %H:%M}, and Trimtab is not told"
    )
    story.cloud.plant_faults(training={**SPOT, "interruptions": [INTERRUPTED_AFTER]})
    destination = f"s3://{story.outputs['CaptureBucketName']}/captures"
    played = play_days(story.cloud, story.outputs, rows, destination, change, story.findings, console)
    raised = [body["detail"] for body in story.findings.receive() if body["detail"]["kind"] == "drift"]
    if not raised:
        raise DemoError("no drift was found")
    story.summary["drift"] = {
        "true_change": f"{change:%Y-%m-%dT%H:%M:%SZ}",
        "title": raised[0]["title"],
        "reason": raised[0]["reason"],
        "window": raised[0]["evidence"]["window"],
        "windows": [{**w["window"], "verdict": w["verdict"]} for w in played.windows],
    }
    wait_for(lambda: bool(story.attempts()), "a training", FOLDER)
    [started] = [each for each in story.told("start_retraining") if not each["evidence"]["refused"]]
    story.summary["start"] = {"guards": started["evidence"]["guards"], "outcome": started["action"]["outcome"]}
    story.say(
        "a training starts", "these guards let it: " + ", ".join(g["guard"] for g in started["evidence"]["guards"])
    )


def train(story: Story) -> None:
    """Let the training job come to its end, and its model be judged and registered."""
    attempt = follow_job(story)
    if attempt["state"] != "registered":
        why = [each["reason"] for each in (*story.told("gate"), *story.told("register"))]
        raise DemoError(f"the new model is {attempt['state']}: {'; '.join(why) or attempt.get('failure')}")
    sagemaker, s3 = story.cloud.client("sagemaker"), story.cloud.client("s3")
    key = f"versions/{ENDPOINT}/{attempt['record']}.json"
    body = s3.get_object(Bucket=story.outputs["StateBucketName"], Key=key)["Body"].read()
    package = sagemaker.describe_model_package(ModelPackageName=attempt["package"])
    sha256 = package["CustomerMetadataProperties"]["record_sha256"]
    broken = verify_chain(ENDPOINT, {attempt["record"]: body}, {attempt["record"]: sha256})
    story.summary |= {
        "gates": json.loads(body)["gates"],
        "version": {
            "record": key, "sha256": sha256, "package": attempt["package"], "verified": not broken,
            "metrics": json.loads(body)["metrics"],
        },
    }  # fmt: skip
    story.say("registered", f"{len(story.summary['gates'])} gates passed; record {sha256[:12]}…, {attempt['package']}")


def follow_job(story: Story) -> dict[str, Any]:
    """Carry the clock on until the newest training job has ended, and wait until it is judged; the attempt then."""
    name, sagemaker = story.attempts()[-1]["target"], story.cloud.client("sagemaker")
    seen = 0
    while True:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        for each in job["SecondaryStatusTransitions"][seen:]:
            minute = (each["StartTime"] - job["CreationTime"]) / MINUTE
            story.say(f"{each['Status']:<12}", f"minute {minute:.1f}  {each['StatusMessage']}")
        seen = len(job["SecondaryStatusTransitions"])
        if job["TrainingJobStatus"] not in {"InProgress", "Stopping"}:
            break
        story.advance(MINUTE / 2)
    wait_for(
        lambda: story.attempts()[-1]["state"] not in {"intended", "started"}, "the judgement of the new model", FOLDER
    )
    wait_for(
        lambda: any(name in each["title"] for each in story.told("watch_training")), "what the training cost", FOLDER
    )
    [ended] = [each for each in story.told("watch_training") if name in each["title"]]
    facts = ended["evidence"]
    story.summary.setdefault("training", []).append(
        {
            "name": name,
            "status": job["TrainingJobStatus"],
            "transitions": [
                [each["Status"], (each["StartTime"] - job["CreationTime"]) / MINUTE]
                for each in job["SecondaryStatusTransitions"]
            ],
            **{key: facts[key] for key in ("training_seconds", "billable_seconds", "saved_percent", "saved_usd")},
            "cost_usd": facts["cost_usd"],
        }
    )
    story.say("training ended", f"{ended['reason']}; it cost ${facts['cost_usd']:.4f}")
    return story.attempts()[-1]


def approve(story: Story) -> None:
    """Approve the version, and have its rollout begin at the time to which the SageMaker side's clock is set.

    release_model knows real time only, where minutes can't be played. So a freeze window holds it until the rollout is
    over that it would start: asked for by the release's own document, of which the same again is the same rollout.
    """
    real = datetime.now(UTC)
    change_settings(story, freeze=(f"{(real - MINUTE).isoformat()} / {(real + STARTS_AGO).isoformat()}",))
    story.cloud.client("sagemaker").update_model_package(
        ModelPackageArn=story.summary["version"]["package"], ModelApprovalStatus="Approved"
    )
    wait_for(lambda: "current" in story.state("release"), "the release", FOLDER)
    release = story.state("release")["current"]
    story.say("approved", f"release_model will roll it out: {release['reason']}")
    for i in range(30):
        story.cloud.send_traffic(ENDPOINT, story.now, REQUESTS, seed=10_000 + i)
        story.advance(MINUTE)
    score(story, load_dataset("car_loan:reference").rows.head(10), batch=1)  # golden requests
    story.cloud.flush_captures()
    document = {
        "endpoint": ENDPOINT,
        "model_package": release["package"],
        "by": release["by"],
        "reason": release["reason"],
        "id": f"{release['id']}-{release['stage']}",
        "at": story.now.isoformat(),
    }
    answer = story.invoke("StartRollout", document)
    if "rollout" not in answer:
        raise DemoError(f"no rollout: {answer}")


def play(story: Story, console: Console) -> None:
    """Play the canary's minutes until it is decided, and let release_model see it."""
    minutes: list[dict[str, Any]] = []
    outcome: dict[str, Any] = {}
    with console.status("canary") as status:
        for i in range(LONGEST):
            let_behave(story)
            served = story.cloud.send_traffic(ENDPOINT, story.now, REQUESTS, seed=i)
            story.advance(MINUTE)
            told = story.invoke("JudgeCanary", {"endpoint": ENDPOINT, "at": story.now.isoformat()})
            outcome = told["rollouts"][ENDPOINT]
            requests = {arm: sum(s["requests"] for s in served if (s["variant"] == "Canary") == (arm == "canary"))
                        for arm in ("canary", "production")}  # fmt: skip
            minutes.append({"share": outcome["share"], "phase": outcome["phase"], **requests})
            status.update(f"[dim]canary, minute {i + 1}: {outcome['phase']}, {outcome['share']:.0%}[/dim]")
            if outcome["phase"] in {"promoted", "rolled_back", "failed"}:
                break
    state = changes(story.cloud, story.outputs["StateTableName"])[ENDPOINT]
    if outcome["phase"] != "promoted":
        raise DemoError(f"the canary is {outcome['phase']}: {state.get('reason')}")
    why = state["judgement"]["reason"]
    story.say("promoted", f"after {len(minutes)} minutes: {why}")
    change_settings(story)  # nothing is frozen any more
    wait_for(lambda: is_released(story), "the end of the release", FOLDER)
    story.summary["rollout"] = {"minutes": len(minutes), "reason": why, "per_minute": minutes}


def is_released(story: Story) -> bool:
    """Whether the release is over, after another look at it."""
    return bool(story.invoke("ReleaseModel", {"endpoint": ENDPOINT})["endpoints"][ENDPOINT]["phase"] == "released")


def compare(story: Story, data: DataSet, before: pd.Series) -> None:
    """The window after: what the endpoint answered before, what it answers now, and what Trimtab makes of it."""
    after = data.rows.iloc[slice(*NEXT_WINDOW)]
    right = {"before": before == after["repaid"], "after": score(story, after) == after["repaid"]}
    served = data.rows.iloc[PLAYED[0] : NEXT_WINDOW[0]]
    past = served["y_pred"] == served["repaid"]
    wait_for(lambda: is_judged(story), "whether it helped", FOLDER)
    seen = story.told("check_drift_helped")[0]["reason"]
    counts = {name: {"correct": int(each.sum()), "rows": len(each)} for name, each in right.items()}
    told = story.invoke("CheckDriftHelped", {"endpoint": ENDPOINT, **counts})["endpoints"][ENDPOINT]
    story.summary["accuracy"] = {
        **counts,
        "by_thousand": {
            "past": thousands(past),
            "before": thousands(right["before"]),
            "after": thousands(right["after"]),
        },
        "change_row": CAR_LOAN_CHANGE_ROW,
        "labelled": [LABELLED[0], LABELLED[2]],
    }
    story.summary["helped"] = {"evaluation": seen, "next_window": told}
    shares = {name: each["correct"] / each["rows"] for name, each in counts.items()}
    rows = f"rows {NEXT_WINDOW[0]:,} to {NEXT_WINDOW[1] - 1:,}, which no training has seen"
    story.say(
        "the next window", f"{rows}: accuracy {shares['before']:.4f} before, [bold]{shares['after']:.4f}[/bold] now"
    )
    story.say("did it help?", f"{told['outcome']}: {told['reason']}")


def is_judged(story: Story) -> bool:
    """Whether it is told if the retraining helped, after another look at it."""
    story.invoke("CheckDriftHelped", {"endpoint": ENDPOINT})
    return bool(story.told("check_drift_helped"))


def thousands(right: pd.Series) -> list[list[float]]:
    """Accuracy of each thousand rows: number of the first one, share."""
    return [[int(rows.index[0]), float(rows.mean())] for _, rows in right.groupby(right.index // 1000)]


def refuse(story: Story, data: DataSet) -> None:
    """A second candidate: first the guards refuse to train it so soon; its owner insists, and the gates refuse it."""
    first, newest_from, end = LABELLED
    old, newest = data.rows.iloc[first:newest_from], data.rows.iloc[newest_from:end]
    is_holdout = np.arange(len(old)) % HOLDOUT_EVERY == 0
    for channel, rows in (("holdout", old[is_holdout]), ("newest", newest)):
        put_rows(story, channel, rows.assign(y_pred=score(story, rows)))  # the champion is another one now
    late = old[~is_holdout]
    late = late.assign(repaid=late["repaid"].shift(1, fill_value=0))
    put_rows(story, "train", late)
    tell_labels(story, late, "labels-2-one-row-late")
    request = {"endpoint": ENDPOINT, "by": "anna", "reason": "the labels of June are in"}
    answer = story.invoke("StartRetraining", {**request, "id": "june"})
    if answer["action"] != "refuse":
        raise DemoError(f"a training so soon was not refused: {answer}")
    story.summary["refused"] = {"guards": answer["reason"]}
    story.say("asked for another", f"the guards refuse: {answer['reason']}")
    change_settings(story, attempt_cooldown_hours=0, release_cooldown_hours=0)
    story.cloud.plant_faults(training=SPOT)
    answer = story.invoke("StartRetraining", {**request, "id": "june, no rest"})
    if answer.get("state") != "started":
        raise DemoError(f"the second training was not started: {answer}")
    attempt = follow_job(story)
    if attempt["state"] != "gate_failed":
        raise DemoError(f"the second candidate is {attempt['state']}: {attempt.get('failure')}")
    wait_for(lambda: len(story.told("gate")) == 2, "the second verdict", FOLDER)
    [verdict] = [each for each in story.told("gate") if attempt["target"] in each["title"]]
    versions = story.cloud.client("sagemaker").list_model_packages(ModelPackageGroupName=ENDPOINT)
    story.summary["refused"] |= {
        "gates": verdict["evidence"]["gates"],
        "reason": verdict["reason"],
        "versions_registered": len(versions["ModelPackageSummaryList"]),
    }
    failed = [each for each in verdict["evidence"]["gates"] if not each["passed"]]
    names = ", ".join(dict.fromkeys(each["gate"] for each in failed))
    story.say("second candidate", f"[bold red]refused[/bold red] by {names}: {failed[0]['reason']}")


if __name__ == "__main__":
    sys.exit(main())
