"""What is shown of sam's output while it works."""

import pytest

from local.deploy import _progress_line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Building layer 'CoreLayer'\n", "Building layer 'CoreLayer'"),
        (" Running PythonPipBuilder:CopySource\n", "Running PythonPipBuilder:CopySource"),
        (
            "CREATE_COMPLETE          AWS::SQS::Queue          AlertQueue               -\n",
            "create complete: AlertQueue (AWS::SQS::Queue)",
        ),
        ("CREATE_FAILED AWS::IAM::Role   Role  not allowed\n", "create failed: Role (AWS::IAM::Role)"),
        ("CREATE_IN_PROGRESS       AWS::SQS::Queue          AlertQueue\n", ""),
        ("-----------------------------------------\n", ""),
    ],
)
def test_build_steps_and_final_states_are_shown(line: str, shown: str) -> None:
    assert _progress_line(line) == shown
