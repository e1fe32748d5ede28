"""A page read back with the standard library's parser: its elements, its text, and whether every element was closed."""

from html.parser import HTMLParser

VOID = {"meta", "input", "link", "br", "hr", "wbr"}


class Page(HTMLParser):
    """`elements`: (tag, attributes) in order; `texts`: the text of each element that has any; `unclosed`: faults."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.faults, self._open = [], [], [], []
        self.feed(html)
        self.close()
        self.faults += [f"{tag} is not closed" for tag in self._open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if len({name for name, _ in attrs}) < len(attrs):
            self.faults.append(f"{tag} has an attribute twice")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-1:]}")
        else:
            self._open.pop()

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def assert_sound(html):
    """What must hold for every page: whole, safe, and usable without eyes or mouse."""
    page = Page(html)
    assert page.faults == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert not [
        name for _, attributes in page.elements for name in attributes if name.startswith("on") or name == "style"
    ]
    assert len(page.all("script")) == len(page.all("style")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert page.all("html") == [{"lang": "en"}]
    assert not [tag for tag, _ in page.elements if tag in ("img", "iframe", "object", "embed", "form", "base")]
    for attributes in page.all("a"):
        assert attributes["href"].split(":")[0] in ("https", "http") or ":" not in attributes["href"]
    for attributes in page.all("th"):
        assert attributes["scope"] in ("col", "row")
    for attributes in page.all("svg"):
        assert attributes.get("role") == "img" or attributes.get("aria-hidden") == "true"
    named = {id_ for attributes in page.all("svg") for id_ in attributes.get("aria-labelledby", "").split()}
    assert named <= set(ids)
    assert sum(attributes.get("role") == "img" for attributes in page.all("svg")) <= len(page.all("title")) - 1
    return page
