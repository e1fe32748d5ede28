import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import GROUP, record
from trimtab.training.version_record import (
    VersionRecordError,
    content_sha256,
    next_record_place,
    parse_record,
    record_bytes,
    record_sha256,
    verify_chain,
)


def chain(length=4):
    records = [record()]
    while len(records) < length:
        records.append(record(len(records) + 1, records[-1]))
    return records


CHAIN = {each.version: record_bytes(each) for each in chain()}
HASHES = {each.version: record_sha256(each) for each in chain()}


def faults(records, registered=None):
    return {fault.version for fault in verify_chain(GROUP, records, registered)}


def rewritten(stored, **changed):
    """A record as somebody writes it who knows the form."""
    document = {**json.loads(stored), **changed}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_chain_as_it_was_written_has_no_fault():
    assert verify_chain(GROUP, CHAIN, HASHES) == ()
    assert verify_chain(GROUP, {}) == ()


def test_records_come_back_as_they_were_written():
    for each in chain():
        assert parse_record(record_bytes(each)) == each
        assert each.key == f"versions/churn/{each.version}.json"


@given(st.sampled_from(sorted(CHAIN)), st.data())
def test_any_changed_byte_is_found(version, data):
    stored = bytearray(CHAIN[version])
    place = data.draw(st.integers(0, len(stored) - 1))
    stored[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != stored[place]))
    changed = {**CHAIN, version: bytes(stored)}
    assert faults(changed, HASHES)
    # without the registry a change is found in every record but perhaps the last
    assert version == max(CHAIN) or faults(changed)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_record_written_anew_is_betrayed_by_the_next_one(version):
    assert faults({**CHAIN, version: rewritten(CHAIN[version], code_commit="0000")}) == {version + 1}


def test_the_last_record_written_anew_is_betrayed_by_the_registry():
    changed = {**CHAIN, 4: rewritten(CHAIN[4], code_commit="0000")}
    assert faults(changed) == set()
    assert faults(changed, HASHES) == {4}


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_record_that_is_gone_is_missed(version):
    left = {number: stored for number, stored in CHAIN.items() if number != version}
    assert version in faults(left, HASHES)


def test_records_under_other_names_are_found():
    assert faults({**CHAIN, 2: CHAIN[3], 3: CHAIN[2]}) >= {2, 3}
    assert verify_chain("other", CHAIN)
    assert 0 in faults({**CHAIN, 0: CHAIN[1]})


def test_a_parent_must_be_older():
    assert faults({1: record_bytes(record(parent_version=1))}) == {1}


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"{}",
        b"[]",
        CHAIN[1] + b" ",
        json.dumps(json.loads(CHAIN[1])).encode(),
        CHAIN[1].replace(b'"version":1', b'"version":1,"version":1'),
        CHAIN[1].replace(b"{", b'{"zzz":1,', 1),
    ],
)
def test_what_is_no_record_in_its_one_form_is_refused(stored):
    with pytest.raises(VersionRecordError):
        parse_record(stored)


def test_the_next_record_follows_the_last():
    assert next_record_place({}) == (1, None)
    assert next_record_place(CHAIN) == (5, HASHES[4])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda text: text.isprintable()), values, max_size=5), st.randoms())
def test_hashes_do_not_depend_on_the_order_of_keys(document, shuffle):
    items = list(document.items())
    shuffle.shuffle(items)
    try:
        found = content_sha256(document)
    except UnicodeEncodeError:  # lone surrogates are no text
        return
    assert content_sha256(dict(items)) == found
    assert re.fullmatch("[0-9a-f]{64}", found)
