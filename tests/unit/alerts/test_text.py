from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.alerts.text import aligned, ascii_line, clean, one_line, shorten, utc_minute

# Any characters at all, lone surrogates among them.
TEXT = st.text(st.characters(), max_size=400)


@given(TEXT)
def test_cleaned_text_can_be_encoded_and_has_no_control_characters(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.encode().decode() == cleaned
    assert not any(ord(character) < 32 and character not in "\n\t" for character in cleaned)


@given(TEXT, st.integers(3, 120))
def test_a_line_of_ascii_keeps_to_its_length(text: str, limit: int) -> None:
    line = ascii_line(text, limit)
    assert len(line) <= limit
    assert all(" " <= character <= "~" for character in line)
    assert line == line.strip()


@given(TEXT, st.integers(1, 120))
def test_one_line_keeps_to_its_length(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("prévision à Zürich", "prevision a Zurich"),
        ("PSI ≥ 0.1 – “high”…", 'PSI >= 0.1 - "high"...'),
        ("価格 moved\nby 3", "?? moved by 3"),
    ],
)
def test_spells_in_ascii_what_it_can(text: str, line: str) -> None:
    assert ascii_line(text, 99) == line


def test_says_where_it_cut() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
    assert ascii_line("abcdefg", 6) == "abc..."


def test_aligns_cells() -> None:
    assert aligned([("name", "n", "why"), ("a", "10", "x"), ("bcdef", "7", "")], frozenset({1})) == [
        "name    n  why",
        "a      10  x",
        "bcdef   7",
    ]


def test_tells_times_in_utc() -> None:
    assert utc_minute(datetime(2026, 5, 1, 6, tzinfo=UTC)) == "2026-05-01 06:00 UTC"
    assert utc_minute(datetime(2026, 5, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))) == "2026-04-30 23:30 UTC"
    assert utc_minute(datetime(2026, 5, 1, 6)) == "2026-05-01 06:00 UTC"  # noqa: DTZ001 - an event may lack the offset
