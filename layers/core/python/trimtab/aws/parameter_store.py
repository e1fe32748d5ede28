"""Parameters in AWS Systems Manager."""

from collections.abc import Iterator

from trimtab.aws.clients import ssm


def read_parameter(name: str) -> str | None:
    """A parameter's value, None when there is no such parameter."""
    client = ssm()
    try:
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except client.exceptions.ParameterNotFound:
        return None


def parameters_below(path: str) -> Iterator[tuple[str, str]]:
    """Name and value of each parameter that lies directly below a path."""
    for page in ssm().get_paginator("get_parameters_by_path").paginate(Path=path, WithDecryption=True):
        for parameter in page["Parameters"]:
            yield parameter["Name"], parameter["Value"]
