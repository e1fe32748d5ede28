"""What every page has around its content: head with a content security policy, skip link, the way here, footer."""

from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256

from trimtab.pages.figures import minute
from trimtab.pages.markup import Child, Markup, joined, tag
from trimtab.pages.script import SCRIPT
from trimtab.pages.style import STYLE


def page(
    title: str, content: Iterable[Child], *, built: datetime, root: str, path: Iterable[tuple[str, str]] = ()
) -> str:
    """A whole page. `root`: the way from it to the site's root, "" or "../". `path`: the pages above it, as name and
    address from the root; its own title ends the path."""
    crumbs = [tag("li", tag("a", name, href=f"{root}{address}")) for name, address in path]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("link", rel="icon", href="data:,"),  # else browsers ask for one
        tag("meta", name="referrer", content="no-referrer"),  # a signed link must not travel on
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · Trimtab" if path else title),
        tag("style", Markup(STYLE)),
    )
    moment = f"{built.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    body = tag(
        "body",
        tag("a", "Skip to content", class_="skip", href="#content"),
        tag(
            "header",
            tag("span", "Trimtab", class_="brand"),
            tag("nav", tag("ol", *crumbs, tag("li", title, aria_current="page")), aria_label="Path") if path else None,
            tag("span", f"Built {minute(built)}", class_="built", data_built=moment),
            class_="top",
        ),
        tag(
            "main",
            tag(
                "p",
                "This page is more than three hours old. Pages are built each hour: look whether build_site runs.",
                class_="note",
                id="old",
                hidden=True,
            ),
            tag("p", SIGNED, class_="note", id="signed", hidden=True),
            *content,
            id="content",
            tabindex="-1",
        ),
        tag("footer", tag("p", "All times are UTC. – means not known. ", SIGNED)),
        tag("script", Markup(SCRIPT)),
    )
    return joined(Markup("<!doctype html>\n"), tag("html", head, body, lang="en"), "\n")


SIGNED = (
    "A signed (presigned) link opens this page alone: links to other pages lead on only from a copy of the site or "
    "behind CloudFront."
)


def _source(code: str) -> str:
    return f"'sha256-{b64encode(sha256(code.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}; "
    "base-uri 'none'; form-action 'none'; img-src data:"
)
"""Nothing is fetched, and no script or style runs but the page's own."""
