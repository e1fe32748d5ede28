"""What the demos share: how one begins and ends, what it says meanwhile, and where its result lies."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from local.cloud import ROOT, Cloud, CloudError, running_cloud
from local.deploy import DeployError, Deployment, deploy

type Say = Callable[[str, str], None]
"""Prints what has happened, and a detail of it."""


class DemoError(RuntimeError):
    """The demo could not go on."""


def perform(name: str, folder: Path, run: Callable[[Cloud, Console], None], width: int | None = None) -> int:
    """Run a demo on a local cloud in its folder; its exit code. `width`: columns where there is no terminal to ask."""
    console = Console(highlight=False)
    if width and not console.is_terminal:
        console.width = width
    try:
        with running_cloud(folder / "cloud") as cloud:
            run(cloud, console)
    except (CloudError, DeployError, DemoError) as error:
        console.print(f"[red]{name}: {error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print(f"{name}: stopped")
        return 130
    return 0


def step_printer(console: Console) -> Say:
    """Prints each step with the seconds since now."""
    start = time.monotonic()

    def say(what: str, detail: str) -> None:
        console.print(f"[dim]{time.monotonic() - start:5.0f} s[/dim]  [bold]{what}[/bold]  {detail}")

    return say


def deploy_in_sight(
    cloud: Cloud, console: Console, say: Say, parameters: Mapping[str, str] | None = None
) -> Deployment:
    """Build and deploy the unchanged template, with its progress on screen."""
    say("local cloud is up", f"MiniStack and the SageMaker side, IAM enforced, at {cloud.endpoint_url}")
    with console.status("sam build") as status:
        deployment = deploy(
            cloud, parameters=parameters, progress=lambda line: status.update(f"[dim]{line[:100]}[/dim]")
        )
    took = f"sam build {deployment.build_seconds:.0f} s, sam deploy {deployment.deploy_seconds:.0f} s"
    say("template deployed", took)
    return deployment


def wait_for(condition: Callable[[], bool], what: str, folder: Path, seconds: float = 120.0) -> None:
    """Wait for what the deployed functions do. Raises DemoError, with the folder of the demo, if that takes long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise DemoError(f"{what} did not come within {seconds:.0f} s; see {folder / 'cloud'}")
        time.sleep(0.05)


def write_summary(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write `summary.json` into the folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "summary.json"
    path.write_text(json.dumps(summary, indent=1))
    return path


def show_paths(console: Console, paths: Iterable[Path]) -> None:
    """Say where the result lies."""
    for path in paths:
        console.print(f"  {path.relative_to(ROOT)}")
