"""What `sam build` has left: functions and layers as they go to AWS, and a process with the Lambda runtime to run one.

The process has the runtime's own packages (awslambdaric and boto3), the function's code and its layers, nothing else.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.cloud import REGION, ROOT, VENVS

BUILD = ROOT / ".aws-sam" / "build"
RUNTIME_PYTHON = VENVS / "runtime" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class BuiltFunction:
    """One built function: `name` is its folder under `functions/`, `code` and `layers` are folders."""

    name: str
    logical_id: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    memory: int


def built_functions(build: Path = BUILD) -> list[BuiltFunction]:
    """Every function of the built template, in the order of their names. Raises FileNotFoundError before a build."""
    template = yaml.safe_load((build / "template.yaml").read_text())
    shared, resources = template["Globals"]["Function"], template["Resources"]

    def layer(reference: Mapping[str, str]) -> Path:
        return build / str(resources[reference["Ref"]]["Properties"]["ContentUri"])

    def function(logical_id: str, own: Mapping[str, Any]) -> BuiltFunction:
        variables = own["Environment"]["Variables"]
        return BuiltFunction(
            name=variables["POWERTOOLS_SERVICE_NAME"],
            logical_id=logical_id,
            handler=own.get("Handler", shared.get("Handler")),
            code=build / own["CodeUri"],
            layers=tuple(layer(reference) for reference in (*shared.get("Layers", ()), *own.get("Layers", ()))),
            memory=own.get("MemorySize", shared.get("MemorySize", 128)),
        )

    functions = [
        function(logical_id, resource["Properties"])
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    return sorted(functions, key=lambda each: each.name)


def runtime_environment(function: BuiltFunction) -> dict[str, str]:
    """The variables that Lambda itself sets, as far as Python and the libraries look at them. No credentials."""
    folders = [function.code, *(layer / "python" for layer in function.layers)]
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "LAMBDA_TASK_ROOT": str(function.code),
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "_HANDLER": function.handler,
    }


def runtime_command(*arguments: str) -> list[str]:
    """Python of the Lambda runtime. Code and layers are read-only there, so it writes no bytecode beside them."""
    return [str(RUNTIME_PYTHON), "-B", "-s", *arguments]


def unzipped_bytes(folder: Path) -> int:
    """The size that counts against Lambda's limit."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
