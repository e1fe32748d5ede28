from hypothesis import given
from hypothesis import strategies as st

from trimtab.pages.addresses import endpoint_page, target


@given(st.text(min_size=1))
def test_an_endpoints_page_is_one_file_in_its_folder(name):
    address = endpoint_page(name)
    assert address.count("/") == 1
    assert address.startswith("endpoints/")
    assert ".." not in address.removesuffix(".html") or name == address[10:-5]
    assert address.isascii()


def test_a_good_name_is_the_files():
    assert endpoint_page("car-loan") == "endpoints/car-loan.html"


def test_what_lies_in_the_state_bucket_is_linked_beside_the_site():
    assert 'href="../../reports/a%20b/drift.html"' in target("s3://state/reports/a b/drift.html", "state", "../")
    for elsewhere in ("s3://state/../x", "s3://other/key", "javascript:alert(1)", "docs/runbooks/drift.md", "//evil"):
        assert "href" not in target(elsewhere, "state", "../")
    assert 'href="https://example.com/"' in target("https://example.com/", "state", "../")
