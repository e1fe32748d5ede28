"""Where pages are within the site, and links that work from a file, from a web server and from S3 alike."""

import hashlib
import re
from urllib.parse import quote

from trimtab.pages.kept_finding import SAFE_NAME
from trimtab.pages.markup import Markup, tag

_S3 = re.compile(r"s3://([a-z0-9.-]{3,63})/(.+)")


def endpoint_page(endpoint: str) -> str:
    """The endpoint's page, from the site's root. A name that is not fit for a file is replaced by its hash."""
    name = endpoint if SAFE_NAME.fullmatch(endpoint) else f"x-{hashlib.sha256(endpoint.encode()).hexdigest()[:24]}"
    return f"endpoints/{name}.html"


def finding_page(finding_id: str) -> str:
    """The finding's page, from the site's root."""
    return f"findings/{finding_id}.html"


def target(address: str, state_bucket: str, root: str) -> Markup:
    """A link's target as people can use it. What lies in the state bucket is linked from the site's folder beside it,
    anything else is linked only by http(s); what cannot be followed is shown. `root`: the way to the site's root."""
    shown = tag("code", address)
    if (match := _S3.fullmatch(address)) and match[1] == state_bucket and ".." not in match[2]:
        return tag("a", shown, href=f"{root}../{quote(match[2])}")
    if re.match(r"https?://[^/]", address):
        return tag("a", shown, href=address, rel="noreferrer")
    return shown
