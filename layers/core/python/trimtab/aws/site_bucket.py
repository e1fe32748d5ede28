"""What the pages are kept as in the state bucket: findings by endpoint and day, the fleet's rows, the pages."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trimtab.aws import s3

SITE = "site"
FLEET = f"{SITE}/fleet.json"
_FEW_SPACES = (",", ":")


def keep_finding(bucket: str, folder: str, day: str, finding: str, document: Mapping[str, Any]) -> None:
    """Keep a finding. One that is kept already stays as it is."""
    body = json.dumps(document, separators=_FEW_SPACES).encode()
    s3.create_object(bucket, f"findings/{folder}/{day}/{finding}.json", body)


def finding_keys(bucket: str, folder: str, since: datetime) -> list[str]:
    """Keys of the findings of an endpoint since a day, oldest day first."""
    prefix = f"findings/{folder}/"
    return list(s3.list_keys(bucket, prefix, start_after=f"{prefix}{since:%Y-%m-%d}/"))


def read_findings(bucket: str, keys: list[str]) -> list[dict[str, Any]]:
    """The findings that are kept under these keys."""
    return [json.loads(body) for body in s3.read_objects(bucket, keys)]


def folders_with_findings(bucket: str) -> list[str]:
    """The endpoints about which findings are kept, and what stands for findings about none."""
    return s3.list_folders(bucket, "findings/")


def report_keys(bucket: str, endpoint: str) -> list[str]:
    """Keys of an endpoint's drift reports."""
    return [key for key in s3.list_keys(bucket, f"reports/{endpoint}/") if key.endswith("/drift.html")]


def read_fleet(bucket: str) -> tuple[dict[str, Any], str]:
    """The fleet's rows, and the etag they were read with; empty and "" when there are none yet."""
    try:
        found = s3.open_object(bucket, FLEET)
    except s3.ObjectNotFoundError:
        return {}, ""
    return json.loads(b"".join(found.chunks)), found.etag


def replace_fleet(bucket: str, document: Mapping[str, Any], etag: str) -> str | None:
    """Replace the fleet's rows that were read with this etag; the new etag. None: they were written by another run."""
    return s3.replace_object(bucket, FLEET, json.dumps(document, separators=_FEW_SPACES).encode(), etag)


def write_page(bucket: str, address: str, html: str) -> None:
    """Write a page of the site, given by its address from the site's root."""
    s3.write_object(bucket, f"{SITE}/{address}", html.encode(), content_type="text/html; charset=utf-8")


def write_text(bucket: str, address: str, text: str, content_type: str) -> None:
    """Write a file of the site that is no page."""
    s3.write_object(bucket, f"{SITE}/{address}", text.encode(), content_type=content_type)
