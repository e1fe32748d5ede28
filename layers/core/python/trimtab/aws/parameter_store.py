"""Parameters in AWS Systems Manager."""

from trimtab.aws.clients import ssm


def read_parameter(name: str) -> str | None:
    """A parameter's value, None when there is no such parameter."""
    client = ssm()
    try:
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except client.exceptions.ParameterNotFound:
        return None
