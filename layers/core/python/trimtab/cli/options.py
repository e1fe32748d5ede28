"""What the commands are told on the command line, and what that means for reading files."""

import argparse
import csv
import os
from pathlib import Path

import jmespath
from jmespath.exceptions import JMESPathError

from trimtab.settings import EndpointSettings, SettingsError, parse_endpoint_settings


class InputError(ValueError):
    """What was given cannot be used. The message names the file, and the line where there is one."""


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """The options on how files are read and how the result is printed."""
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    parser.add_argument("--columns", type=_names, metavar="A,B,…", help="names of the input columns, in payload order")
    parser.add_argument("--predictions", type=_names, metavar="A,…", help="names of the output columns, in order")
    parser.add_argument("--records", type=_jmespath, metavar="JMESPATH", help="path to the records of a JSON request")
    parser.add_argument("--settings", metavar="FILE", help="settings of an endpoint, YAML or JSON (docs/settings.md)")
    parser.add_argument("--jobs", type=_positive, default=os.process_cpu_count() or 1, metavar="N", help="processes")


def settings_of(arguments: argparse.Namespace) -> EndpointSettings:
    """The settings file's settings, or the defaults, with what the other options say instead. Raises InputError."""
    settings = settings_of_file(arguments.settings)
    given = {name: getattr(arguments, name) for name in ("columns", "predictions", "records")}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})


def settings_of_file(path: str | None) -> EndpointSettings:
    """The settings in a file, the defaults without one. Raises InputError."""
    if not path:
        return EndpointSettings()
    try:
        return parse_endpoint_settings(Path(path).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, SettingsError) as error:
        raise InputError(f"{path}: {error}") from error


def _names(text: str) -> tuple[str, ...]:
    """Names between commas; one that has a comma itself stands in double quotes."""
    names = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r}: every name must be there, and only once")
    return names


def _jmespath(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JMESPath: {' '.join(str(error).split())}") from error
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes")
    return int(text)
