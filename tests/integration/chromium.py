"""A headless Chromium, spoken to over its DevTools protocol through a pipe: no driver, no port, no further package.

https://chromedevtools.github.io/devtools-protocol/; with --remote-debugging-pipe the browser reads commands from file
descriptor 3 and answers on 4, each message ending in a zero byte.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE = 30.0


class BrowserError(RuntimeError):
    """The browser refused a command, or did not answer."""


def find_chromium() -> str:
    """The browser's path. Without one the test is skipped, but not where every test has to run."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    why = "no Chromium on the PATH: apt-get install chromium, then run again"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@dataclass
class Tab:
    """A page of the browser. `requests`: the addresses it asked for; `complaints`: what its console said."""

    read: int
    write: int
    session: str = ""
    number: int = 0
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    loaded: bool = False
    rest: bytes = b""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The browser's answer to a command."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._event(answer)

    def open(self, address: str, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Show a page in a window of a size, in light or dark."""
        self.requests, self.complaints, self.loaded = [], [], False
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=address)
        while not self.loaded:
            self._event(self._message())

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def screenshot(self, path: Path, *, most_height: int = 6000) -> None:
        """A picture of the whole page."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most_height), "scale": 1}
        taken = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.read], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self.read, 1 << 20) if ready else b""
            if not chunk:
                raise BrowserError(f"no answer within {PATIENCE:g} s, or the browser has ended")
            self.rest += chunk
        message, _, self.rest = self.rest.partition(b"\0")
        return dict(json.loads(message))

    def _event(self, event: Mapping[str, Any]) -> None:
        told = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Page.loadEventFired":
                self.loaded = True
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(told["exceptionDetails"]))


def pipe() -> tuple[int, int]:
    """The two ends of a pipe, with numbers that are out of the way of those that the browser looks for."""
    ends = os.pipe()
    high = (fcntl(ends[0], F_DUPFD_CLOEXEC, 20), fcntl(ends[1], F_DUPFD_CLOEXEC, 20))
    for end in ends:
        os.close(end)
    return high


@contextmanager
def browser() -> Iterator[Tab]:
    """A browser with a profile of its own and one tab, until the end of the block."""
    path = find_chromium()
    commands, answers = pipe(), pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        started = subprocess.Popen(
            # the shell gives the pipes the numbers that the browser looks for
            ["bash", "-c", f'exec "$0" "$@" 3<&{commands[0]} 4>&{answers[1]}', path, *ARGUMENTS,
             f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(commands[0], answers[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands[0])
        os.close(answers[1])
        tab = Tab(answers[0], commands[1])
        try:
            targets = tab.ask("Target.getTargets")["targetInfos"]
            [target] = [each["targetId"] for each in targets if each["type"] == "page"]
            tab.session = tab.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
                tab.ask(f"{domain}.enable")
            yield tab
        finally:
            with suppress(BrowserError, OSError):
                tab.session = ""
                tab.ask("Browser.close")
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()
            os.close(answers[0])
            os.close(commands[1])
