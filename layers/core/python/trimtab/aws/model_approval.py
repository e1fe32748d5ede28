"""Approving a version in Amazon SageMaker's model registry."""

from botocore.exceptions import ClientError

from trimtab.aws.clients import sagemaker
from trimtab.aws.refusals import translated

_MOST_DESCRIPTION = 1024


def approve_version(arn: str, why: str) -> None:
    """Say that a version may serve. Safe to repeat. Raises RefusedError."""
    try:
        sagemaker().update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=why[:_MOST_DESCRIPTION]
        )
    except ClientError as error:
        raise translated(error) from error
