"""What a deployed stack says of itself in AWS CloudFormation."""

from trimtab.aws.clients import client


class NoOutputError(LookupError):
    """The stack has no such output, as one that an older template made."""


def stack_output(stack: str, name: str) -> str:
    """The value of a stack's output. Raises NoOutputError."""
    described = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs: dict[str, str] = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
    if name not in outputs:
        raise NoOutputError(f"stack {stack} has no output {name}: deploy the present template")
    return outputs[name]
