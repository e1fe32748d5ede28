"""`run` calls the command in this process."""

import json
from dataclasses import dataclass

import pytest

from trimtab.cli.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)


@pytest.fixture
def run(capsys):
    """Exit code and what was written."""

    def call(*argv):
        code = main([str(each) for each in argv])
        return Ran(code, *capsys.readouterr())

    return call
