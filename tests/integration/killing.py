"""Processes of deployed functions that are killed at random moments."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.cloud import Cloud


def workers(cloud: Cloud, function: str) -> list[int]:
    """The processes of a local cloud that run a function, by its name in AWS."""
    own = {f"AWS_LAMBDA_FUNCTION_NAME={function}".encode(), f"AWS_ENDPOINT_URL={cloud.endpoint_url}".encode()}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if own <= set(environment.split(b"\0")):
            found.append(int(folder.name))
    return found


@contextmanager
def workers_killed(cloud: Cloud, function: str, every: tuple[float, float], times: int) -> Iterator[list[int]]:
    """Kill one worker of a function after another at random moments until the block ends, so many at the most."""
    killed: list[int] = []
    over = threading.Event()
    rng = random.Random(1)

    def kill() -> None:
        while len(killed) < times and not over.wait(rng.uniform(*every)):
            running = workers(cloud, function)
            if running:
                victim = rng.choice(running)
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
