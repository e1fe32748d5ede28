"""Links that a person can follow: pages in the state bucket by signed https addresses."""

from collections.abc import Callable
from dataclasses import replace

from trimtab.alerts.alert import Alert

PAGES = ("reports/", "site/")
"""What of the state bucket is pages, and may be shown to whoever has the link."""


def with_web_links(alert: Alert, bucket: str, sign: Callable[[str], str]) -> Alert:
    """The alert with the https address that `sign` gives for a key in the place of each `s3://` link to a page in this
    bucket. The first page's own address comes last, for when its signature has run out."""
    home = f"s3://{bucket}/"
    pages = {target: name for name, target in alert.links if target.startswith(tuple(home + each for each in PAGES))}
    links = [(name, sign(target.removeprefix(home)) if target in pages else target) for name, target in alert.links]
    kept = [(f"{name} in S3", target) for target, name in pages.items()]
    return replace(alert, links=(*links, *kept[:1]))
