"""The local cloud's supervisor: start, check, stop and clean up MiniStack and the SageMaker side.

`python -m local.cloud up|down|status|env` is the command line; `running_cloud` is the same for the length of a `with`.
Whoever starts the servers holds a pipe to each. When it closes, by a normal end or because the starter was killed, they
end with all they started, so nothing is left behind. A lock on a file in the cloud's folder says that it is up.
"""

import argparse
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
VENVS = ROOT / ".local" / "venvs"
FOLDER = ROOT / ".local" / "cloud"
PORT, SAGEMAKER_PORT = 4566, 4567
PORT_VARIABLE, SAGEMAKER_PORT_VARIABLE = "TRIMTAB_LOCAL_PORT", "TRIMTAB_LOCAL_SAGEMAKER_PORT"
REGION = "us-east-1"
ACCOUNT = "000000000000"
KEY = "test"  # MiniStack's root user: its keys are never held to a policy.
SAGEMAKER_SERVICES = ("sagemaker", "sagemaker-runtime", "application-autoscaling", "pricing")
START_SECONDS = 60.0


class CloudError(RuntimeError):
    """The local cloud can't be started, found or stopped; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A local cloud that is up. `pids` are those of MiniStack and of the SageMaker side."""

    endpoint_url: str
    sagemaker_url: str
    folder: Path
    pids: tuple[int, int]

    @property
    def env(self) -> Mapping[str, str]:
        """The variables by which the AWS CLI, SDKs and SAM CLI find this cloud."""
        return environment(self.endpoint_url, self.sagemaker_url)

    def client(self, service: str, *, access_key: str = KEY, secret_key: str = KEY, token: str | None = None) -> Any:
        """A boto3 client of this cloud, as its root user by default. It repeats nothing, so that errors are seen."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service, by name
            endpoint_url=self.sagemaker_url if service in SAGEMAKER_SERVICES else self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64),
        )

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a deployed function. Raises CloudError when it fails."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        body: dict[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise CloudError(f"{function} failed: {body.get('errorMessage', body)}")
        return body

    def flush_captures(self) -> list[str]:
        """Let the endpoints write their open capture files and publish their metrics. Gives the files' addresses."""
        files: list[str] = self._control("POST", "flush")["files"]
        return files

    def serve_with(self, model: str, callable_name: str) -> None:
        """Let `module:callable` answer for a SageMaker model from now on, whatever its container names."""
        self._control("PUT", f"models/{quote(model)}", callable_name.encode())

    def behave(self, model: str, **behaviour: float) -> None:
        """Let a SageMaker model behave so from now on (`local.sagemaker.behaviour`), whatever it declares."""
        self._control("PUT", f"behaviours/{quote(model)}", json.dumps(behaviour).encode())

    def set_clock(self, now: datetime | None) -> None:
        """Make it `now` on the SageMaker side until the next call; None returns to real time.

        What was due by then has happened afterwards: changes of endpoints, their events, the minutes' metrics.
        """
        moment = {"now": now.isoformat()} if now else {}
        self._control("PUT", "clock", json.dumps(moment).encode())

    def plant_faults(self, **faults: Any) -> None:
        """Replace the faults of the SageMaker side's control plane by these (`local.sagemaker.control_faults`)."""
        self._control("PUT", "faults", json.dumps(faults).encode())

    def send_traffic(self, endpoint: str, minute: datetime, requests: int, **options: Any) -> list[dict[str, Any]]:
        """Count a minute's requests to an endpoint without serving them (`local.sagemaker.traffic`).

        Gives what each variant of each fleet got: `{"variant", "config", "requests", "errors"}`.
        """
        traffic = {"endpoint": endpoint, "minute": minute.isoformat(), "requests": requests, **options}
        served: list[dict[str, Any]] = self._control("POST", "traffic", json.dumps(traffic).encode())["served"]
        return served

    def play_metrics(self, series: Sequence[Mapping[str, Any]]) -> int:
        """Let CloudWatch know whole series at once (`ministack_played`); how many datapoints they have."""
        request = Request(f"{self.endpoint_url}/_local/metrics", json.dumps(series).encode(), method="PUT")
        with urlopen(request, timeout=120) as answer:
            kept: int = json.load(answer)["datapoints"]
        return kept

    def _control(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        try:
            with urlopen(Request(f"{self.sagemaker_url}/_local/{path}", body, method=method), timeout=60) as answer:
                told: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            raise CloudError(f"the SageMaker side refuses {method} {path}: {json.load(error)['message']}") from error
        return told


def environment(endpoint_url: str, sagemaker_url: str) -> Mapping[str, str]:
    """The variables by which AWS tools find a local cloud at these addresses."""
    services = {f"AWS_ENDPOINT_URL_{name}": sagemaker_url for name in map(_variable, SAGEMAKER_SERVICES)}
    return MappingProxyType(
        {
            "AWS_ENDPOINT_URL": endpoint_url,
            **services,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "SAM_CLI_TELEMETRY": "0",
        }
    )


@contextmanager
def running_cloud(
    folder: Path = FOLDER, *, port: int | None = None, sagemaker_port: int | None = None
) -> Iterator[Cloud]:
    """Start a local cloud, yield it when both servers answer, and stop it however the block ends.

    Its logs and state are in `folder`, which no other local cloud may use at the same time. Ports are free ones unless
    given. Raises CloudError when a port is taken, an environment is missing, or a server does not come up.
    """
    with _servers(folder, port or _free_port(), sagemaker_port or _free_port()) as (cloud, _):
        yield cloud


def open_cloud(folder: Path = FOLDER) -> Cloud:
    """The local cloud that is up in `folder`. Raises CloudError when none is."""
    state = folder / "state.json"
    if not _is_held(folder) or not state.exists():
        raise CloudError("the local cloud is not up: start it with `make local`")
    told = json.loads(state.read_text())
    return Cloud(told["endpoint_url"], told["sagemaker_url"], folder, (told["pids"][0], told["pids"][1]))


@contextmanager
def _servers(folder: Path, port: int, sagemaker_port: int) -> Iterator[tuple[Cloud, list[subprocess.Popen[bytes]]]]:
    folder = folder.resolve()
    state = folder / "state.json"
    with _lock(folder):
        # Servers of a starter that was killed may be about to end.
        patience = 5.0 if state.exists() else 0.0
        _clear(folder)
        for number, variable in ((port, PORT_VARIABLE), (sagemaker_port, SAGEMAKER_PORT_VARIABLE)):
            _require_free(number, variable, patience)
        (folder / "tmp").mkdir()
        temporary = Path(mkdtemp(dir=folder / "tmp"))
        (temporary / "home").mkdir()
        url, sagemaker_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sagemaker_port}"
        env = _server_env(url, sagemaker_url, port, temporary)
        host = [str(_python("cloud")), str(ROOT / "local" / "ministack_host.py")]
        side = [sys.executable, "-m", "local.sagemaker.server", "--port", str(sagemaker_port)]
        servers: list[subprocess.Popen[bytes]] = []
        try:
            for command, name in ((host, "ministack"), (side, "sagemaker")):
                servers.append(_started(command, env, folder / f"{name}.log"))
            cloud = Cloud(url, sagemaker_url, folder, (servers[0].pid, servers[1].pid))
            _wait_for(f"{url}/_ministack/health", servers[0], folder / "ministack.log")
            _wait_for(f"{sagemaker_url}/_local/health", servers[1], folder / "sagemaker.log")
            told = {"pid": os.getpid(), "endpoint_url": url, "sagemaker_url": sagemaker_url, "pids": cloud.pids}
            partial = state.with_suffix(".partial")
            partial.write_text(json.dumps(told, indent=2) + "\n")
            partial.replace(state)
            yield cloud, servers
        finally:
            # The SageMaker side first: it writes its last captures to MiniStack.
            for server in reversed(servers):
                _stop(server)
            _clear(folder)


def _server_env(url: str, sagemaker_url: str, port: int, temporary: Path) -> dict[str, str]:
    # Functions inherit this, and should find no more in it than on AWS: nothing of the caller's environment or home.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TRIMTAB_LOCAL_CAPTURE_SECONDS") if name in os.environ}
    return {
        **kept,
        **environment(url, sagemaker_url),
        "HOME": str(temporary / "home"),
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
        "MOTO_ACCOUNT_ID": ACCOUNT,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "WARNING",
        "S3_DATA_DIR": str(temporary / "s3"),
        "STATE_DIR": str(temporary / "state"),
        "TRIMTAB_LOCAL_FUNCTION_PYTHON": str(_python("runtime")),
    }


def _started(command: list[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            command, env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
        )


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin:
        with suppress(BrokenPipeError):
            server.stdin.close()
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    # A server that crashed may have left function processes in its group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(URLError, OSError), urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    how = "did not answer in time" if server.poll() is None else f"ended with status {server.returncode}"
    raise CloudError(f"the local cloud did not start: the server behind {url} {how}; {_tail(log)}")


def _tail(log: Path, lines: int = 20) -> str:
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n  ".join([f"the end of {log}:", *text[-lines:]])


def _python(environment_name: str) -> Path:
    python = VENVS / environment_name / "bin" / "python"
    if not python.exists():
        raise CloudError(f"{python} is missing: make it with `make setup`")
    return python


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def _require_free(port: int, variable: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            why = "is taken" if error.errno == errno.EADDRINUSE else f"can't be used: {os.strerror(error.errno or 0)}"
            raise CloudError(f"port {port} {why}; set {variable} to another one") from error
        return


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CloudError(f"a local cloud is up in {folder} already") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _is_held(folder: Path) -> bool:
    lock = folder / "lock"
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _clear(folder: Path) -> None:
    (folder / "state.json").unlink(missing_ok=True)
    # MiniStack's own clean-up may be at it at the same time.
    for _ in range(50):
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        if not (folder / "tmp").exists():
            return
        time.sleep(0.1)


def _up(folder: Path) -> None:
    if _is_held(folder):
        print("# The local cloud is up already.")
        _print_env(folder)
        return
    log = folder / "supervisor.log"
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "local.cloud", "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    while not (folder / "state.json").exists() or not _is_held(folder):
        if supervisor.poll() is not None:
            raise CloudError(log.read_text(errors="replace").strip() or f"the supervisor ended; see {log}")
        time.sleep(0.05)
    print("# The local cloud is up. Let this shell's aws, boto3 and sam talk to it:")
    _print_env(folder)


def _down(folder: Path) -> None:
    if not _is_held(folder):
        _clear(folder)
        print("The local cloud is not up.")
        return
    supervisor = int((folder / "lock").read_text())
    for ending, seconds in ((signal.SIGTERM, 45.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.kill(supervisor, ending)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _is_held(folder):
                _clear(folder)
                print("The local cloud is down.")
                return
            time.sleep(0.05)
    raise CloudError(f"the supervisor (process {supervisor}) does not end")


def _status(folder: Path) -> None:
    cloud = open_cloud(folder)
    for name, url, health, pid in (
        ("MiniStack", cloud.endpoint_url, "/_ministack/health", cloud.pids[0]),
        ("SageMaker side", cloud.sagemaker_url, "/_local/health", cloud.pids[1]),
    ):
        with urlopen(url + health, timeout=10):
            print(f"{name}: {url}, process {pid}, answers")


def _print_env(folder: Path) -> None:
    for name, value in open_cloud(folder).env.items():
        print(f"export {name}={value}")
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")


def _serve(folder: Path) -> None:
    def end(*_: object) -> NoReturn:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    ports = [
        int(os.environ.get(name, default))
        for name, default in ((PORT_VARIABLE, PORT), (SAGEMAKER_PORT_VARIABLE, SAGEMAKER_PORT))
    ]
    with _servers(folder, *ports) as (cloud, servers):
        while all(server.poll() is None for server in servers):
            time.sleep(0.5)
        raise CloudError(f"a server of the local cloud ended by itself; see the logs in {cloud.folder}")


def _variable(service: str) -> str:
    return {"application-autoscaling": "APPLICATION_AUTO_SCALING"}.get(service, service.upper().replace("-", "_"))


def main() -> int:
    """The command line. Exit status 1 with one clear line when something can't be done."""
    commands = {"up": _up, "down": _down, "status": _status, "env": _print_env, "serve": _serve}
    parser = argparse.ArgumentParser(prog="python -m local.cloud", description="The local cloud.")
    parser.add_argument("command", choices=commands, metavar="up|down|status|env")
    try:
        commands[parser.parse_args().command](FOLDER)
    except (CloudError, URLError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
