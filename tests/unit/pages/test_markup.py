from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pages.reading import Page
from trimtab.pages.markup import joined, tag, text


def test_elements_nest_and_attributes_may_be_left_out():
    made = tag("p", "a", tag("b", "c"), None, ["d", None], class_="x", hidden=True, id=None, data_label="y", open=False)
    assert made == '<p class="x" hidden data-label="y">a<b>c</b>d</p>'
    assert tag("meta", name="n", content="c") == '<meta name="n" content="c">'


@given(st.text(), st.text())
def test_any_text_comes_back_as_it_was_but_never_as_markup(content, attribute):
    page = Page(joined(tag("p", content, title=attribute)))
    assert page.faults == []
    assert [name for name, _ in page.elements] == ["p"]
    assert page.elements[0][1]["title"] == str(Page(f"<p>{text(attribute)}</p>").texts[0] if attribute else "")
