import base64
import binascii

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.alike import RawTexts
from trimtab.capture.base64_payloads import decoded


def raw(payloads):
    """The payloads with something around each, as in a line."""
    data, starts, ends = b"", [], []
    for payload in payloads:
        data += b'"data":"'
        starts.append(len(data))
        data += payload
        ends.append(len(data))
        data += b'","encoding"'
    return RawTexts(np.frombuffer(data, np.uint8), np.array(starts), np.array(ends), escaped=True, flat=True)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=20))
def test_texts_come_back(texts):
    found = decoded(raw([base64.b64encode(text.encode()) for text in texts]))
    assert found is not None
    assert found.texts() == texts


LETTERS = st.sampled_from(b'ABQRaz09+/==\\" \xff')


@given(st.lists(st.lists(LETTERS, max_size=9).map(bytes), min_size=1, max_size=4))
def test_whatever_is_not_strict_is_refused(payloads):
    try:
        expected = [binascii.a2b_base64(payload, strict_mode=True).decode() for payload in payloads]
    except ValueError:
        expected = None
    found = decoded(raw(payloads))
    assert (found and found.texts()) == expected


@pytest.mark.parametrize("payload", [b"QQ=A", b"====", b"Q===", b"QUJ", b"QU=JD", b"/w=="])
def test_one_broken_payload_is_enough(payload):
    assert decoded(raw([b"QUJD", payload, b"QUJD"])) is None


def test_long_payloads_are_read_too():
    text = "0.25,kind1," * 100_000
    found = decoded(raw([base64.b64encode(text.encode()), b"", b"QQ=="]))
    assert found is not None
    assert found.texts() == [text, "", "A"]
