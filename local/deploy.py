"""Build the project's template with SAM CLI and deploy it, as it is, to a local cloud."""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from local.cloud import ROOT, VENVS, Cloud

STACK = "trimtab"
_WITH_ZIPPED_LAYERS = "template-with-zipped-layers.yaml"


class DeployError(RuntimeError):
    """`sam build` or `sam deploy` failed; the message is what sam said."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The stack's outputs by name, and how long its build and its deployment took."""

    outputs: Mapping[str, str]
    build_seconds: float
    deploy_seconds: float


def deploy(
    cloud: Cloud,
    *,
    template: Path = ROOT / "template.yaml",
    stack: str = STACK,
    parameters: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = print,
) -> Deployment:
    """Build `template` and deploy it to `cloud` with these parameters, the others as the template or stack has them.

    `progress` is told one line at a time. The build is kept in `.aws-sam` beside the template and used again for what
    did not change. Raises DeployError.
    """
    start = time.monotonic()
    build(template, progress=progress)
    built = time.monotonic()
    overrides = [f"{name}={value}" for name, value in (parameters or {}).items()]
    _sam(
        [
            "deploy",
            *("--template-file", str(_build_folder(template) / _WITH_ZIPPED_LAYERS)),
            *("--stack-name", stack),
            "--resolve-s3",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            *("--capabilities", "CAPABILITY_IAM"),
            *(["--parameter-overrides", *overrides] if overrides else []),
        ],
        template.parent,
        cloud.env,
        progress,
    )
    deployed = time.monotonic()
    described = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    return Deployment(outputs, built - start, deployed - built)


def build(template: Path = ROOT / "template.yaml", *, progress: Callable[[str], None] = print) -> Path:
    """Build `template`, unless it is built as it stands. Gives the folder that has the built functions, layers and
    template. Processes side by side share one build. Raises DeployError."""
    folder = _build_folder(template)
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "built").open("a+") as stamp:
        fcntl.flock(stamp, fcntl.LOCK_EX)
        stamp.seek(0)
        sources = _state_of_sources(template.resolve().parent)
        if stamp.read() != sources or not (folder / _WITH_ZIPPED_LAYERS).exists():
            stamp.truncate(0)
            _build(template, folder, progress)
            _zip_layers(folder)
            stamp.write(sources)
    return folder


def _state_of_sources(folder: Path) -> str:
    """A digest that differs when any file does: by names, sizes and times, as make goes by times."""
    digest = hashlib.sha256()
    for path, folders, files in folder.walk():
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        for name in sorted(files):
            status = (path / name).stat()
            digest.update(f"{path / name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _build(template: Path, folder: Path, progress: Callable[[str], None]) -> None:
    command = ["build", "--cached", "--parallel", "--template-file", str(template), "--build-dir", str(folder)]
    cache = ["--cache-dir", str(folder.with_name("cache"))]
    _sam([*command, *cache], template.parent, {"SAM_CLI_TELEMETRY": "0"}, progress)


def _zip_layers(folder: Path) -> None:
    """Zip the built layers, and write a template that names the zipped ones. `sam deploy` would zip them each time
    anew, which is most of what it does here."""
    template = (folder / "template.yaml").read_text()
    for name in set(re.findall(r"^ +ContentUri: (\w+)$", template, re.MULTILINE)):
        with ZipFile(folder / f"{name}.zip", "w", ZIP_DEFLATED, compresslevel=1) as zipped:
            for path in sorted((folder / name).rglob("*")):
                zipped.write(path, path.relative_to(folder / name))
        template = re.sub(rf"(ContentUri: {name})$", r"\1.zip", template, flags=re.MULTILINE)
    (folder / _WITH_ZIPPED_LAYERS).write_text(template)


def _build_folder(template: Path) -> Path:
    return template.resolve().parent / ".aws-sam" / "build"


def _sam(arguments: Sequence[str], folder: Path, env: Mapping[str, str], progress: Callable[[str], None]) -> None:
    command = [str(VENVS / "sam" / "bin" / "sam"), *arguments]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=_tool_env(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    with process:
        for line in process.stdout or ():
            said.append(line.rstrip())
            if told := _progress_line(line):
                progress(f"sam {arguments[0]}: {told}")
    if process.returncode != 0:
        text = "\n  ".join(line for line in said if line)
        raise DeployError(f"`sam {arguments[0]}` failed with status {process.returncode}:\n  {text}")


def _tool_env(env: Mapping[str, str]) -> dict[str, str]:
    # sam looks for `python3.13` on the PATH, where pyenv's shims answer for versions that are not active.
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), os.environ.get("PATH", "")])
    return own | {"PATH": path, "SAM_CLI_POLL_DELAY": "1"} | dict(env)


def _progress_line(line: str) -> str:
    """What is worth showing of a line that sam printed: a build step, or a resource whose state is final."""
    if match := re.match(r"\s*(?:Building|Running) \S.*", line):
        return match[0].strip()
    if match := re.match(r"(\S+_COMPLETE|\S+_FAILED)\s+(\S+)\s+(\S+)", line):
        return f"{match[1].lower().replace('_', ' ')}: {match[3]} ({match[2]})"
    return ""


if __name__ == "__main__":
    build()
