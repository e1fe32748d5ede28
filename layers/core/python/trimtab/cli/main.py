"""`trimtab`: parses the command line, runs a command, and turns its errors into messages and exit codes."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import PackageNotFoundError, version

from trimtab.capture.reference import InvalidReferenceError
from trimtab.cli.backfill import add_backfill_command
from trimtab.cli.canary import add_canary_command
from trimtab.cli.drift import add_drift_command
from trimtab.cli.gate import add_gate_command
from trimtab.cli.options import InputError
from trimtab.cli.output import warn
from trimtab.cli.profile import add_profile_command
from trimtab.cli.release import add_release_command
from trimtab.cli.size import add_size_command
from trimtab.cli.versions import add_versions_command

BAD_INPUT = 2
_FAILED = 1
_INTERRUPTED = 130
_NOBODY_READS = 141
_PACKAGES = {"botocore": "boto3"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of `argv` (the process's own by default); its exit code. A wrong option exits with 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal and pipe knows the arrows of the tables
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except (InputError, InvalidReferenceError) as error:
        return _say(str(error), BAD_INPUT)
    except BrokenPipeError:
        # what is still buffered has no reader either, and must not raise again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}" if error.filename else str(error), BAD_INPUT)
    except ModuleNotFoundError as error:
        name = str(error.name).partition(".")[0]
        package = _PACKAGES.get(name, name)
        return _say(f"this needs {package}, which is not installed: pip install {package}", _FAILED)
    except BrokenProcessPool:
        return _say("a process was killed, perhaps for want of memory: try --jobs 1", _FAILED)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _say(message: str, code: int) -> int:
    warn(message)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trimtab",
        description="Profiles captures, judges drift, canaries and new models and sizes endpoints on this machine, "
        "with no AWS account; releases models through a deployed stack.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_profile_command(commands)
    add_drift_command(commands)
    add_canary_command(commands)
    add_size_command(commands)
    add_gate_command(commands)
    add_versions_command(commands)
    add_release_command(commands)
    add_backfill_command(commands)
    return parser


def _version() -> str:
    try:
        return f"trimtab {version('trimtab')}"
    except PackageNotFoundError:  # run from a folder, such as a layer
        return "trimtab"
