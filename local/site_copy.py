"""A copy of the pages in files, with the verdicts that they link to."""

import shutil
from pathlib import Path

from local.cloud import Cloud

PREFIXES = ("site/", "windows/", "reports/")
"""Links from pages lead to what lies beside the site."""


def copy_site(cloud: Cloud, bucket: str, folder: Path) -> Path:
    """Copy the site from the state bucket into a folder, in the place of an earlier copy; its first page."""
    s3 = cloud.client("s3")
    for prefix in PREFIXES:
        shutil.rmtree(folder / prefix, ignore_errors=True)
        for listed in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in listed.get("Contents", []):
                path = folder / entry["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
    return folder / "site" / "index.html"
