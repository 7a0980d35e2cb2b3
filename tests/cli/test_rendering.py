from __future__ import annotations

import pytest

from tracer.cli.rendering import (
    age,
    clean,
    count,
    cut,
    day,
    duration,
    glyph,
    key_length,
    money,
    one_line,
    status_word,
    width,
)

NOVEMBER_US = 1_795_338_000_000_000


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (None, "?"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (120_000, "$0.00012"),
        (12_345_678, "$0.0123"),
        (99_000_000, "$0.099"),
        (250_000_000, "$0.25"),
        (12_345_678_901, "$12.35"),
    ],
)
def test_money(nano: int | None, text: str) -> None:
    assert money(nano) == text


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (None, "?"),
        (0, "0 ms"),
        (999_400, "999 ms"),
        (2_310_800, "2.3 s"),
        (75_000_000, "1 m 15 s"),
        (7_500_000_000, "2 h 05 m"),
    ],
)
def test_duration(microseconds: int | None, text: str) -> None:
    assert duration(microseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s ago"), (59, "59s ago"), (60, "1m ago"), (7200, "2h ago"), (200_000, "2d ago")]
)
def test_age(seconds: int, text: str) -> None:
    assert age(NOVEMBER_US, NOVEMBER_US + seconds * 1_000_000) == text


def test_what_no_date_is_known_of_is_undated() -> None:
    assert (age(3, NOVEMBER_US), day(3), day(NOVEMBER_US)) == ("undated", "undated", "2026-11-22")


def test_keys_of_one_moment_are_shown_as_far_as_they_differ() -> None:
    moment = "019c977420407000"
    one, other = moment + "a1b2" + "0" * 12, moment + "a1c2" + "0" * 12
    assert key_length([one, one]) == 16
    assert key_length([one, other]) == 20
    assert key_length([one, one[:-1] + "1"]) == 32


@pytest.mark.parametrize(("value", "text"), [(None, "?"), (9999, "9999"), (12_345, "12.3k"), (2_500_000, "2.5M")])
def test_count(value: int | None, text: str) -> None:
    assert count(value) == text


def test_text_from_the_network_drives_no_terminal() -> None:
    assert clean("a\x1b[2J\x07\x9b31m\x7f\u202eb\r\nc\td\ud800") == "a�[2J��31m��b\nc\td�"
    assert one_line(" a\n\x00 b ") == "a � b"


def test_text_is_cut_by_cells() -> None:
    assert width("東京e\u0301") == 5
    assert cut("東京都庁", 5) == "東京…"
    assert cut("東京都庁", 8) == "東京都庁"
    assert cut("abc", 2) == "a…"
    assert cut("abc", 0) == ""


def test_the_sign_and_the_word_agree() -> None:
    assert (glyph("completed", "complete"), status_word("completed", "complete")) == ("●", "completed")
    assert (glyph("in_progress", "in_flight"), status_word("in_progress", "in_flight")) == ("◐", "running")
    assert (glyph(None, "error"), status_word(None, "error")) == ("✗", "error")
    assert (glyph("in_progress", "truncated"), status_word("in_progress", "truncated")) == ("▲", "truncated")
    assert (glyph("brand_new", "complete"), status_word("brand\x1b_new", "complete")) == ("·", "brand�_new")
    assert glyph(None, "", ghost=True) == "○"
