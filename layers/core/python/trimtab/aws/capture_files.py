"""The files that SageMaker writes captures to: `<destination>/<endpoint>/<variant>/yyyy/mm/dd/hh/…`."""

from datetime import datetime

from trimtab.aws import s3
from trimtab.aws.sagemaker import Endpoint


def count_files(endpoint: Endpoint, variant: str, since: datetime, start: datetime) -> int:
    """How many capture files of a variant were written after `since`, looking in the folders of the hours from `start`
    on."""
    bucket, prefix = endpoint.capture_place
    folder = "/".join(part for part in (prefix, endpoint.name, variant) if part)
    listed = s3.list_written(bucket, f"{folder}/", start_after=f"{folder}/{start:%Y/%m/%d/%H}/")
    return sum(moment > since for _, moment in listed)
