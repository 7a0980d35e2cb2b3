from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.text import age, clean, count, cut, duration, fit, lines_of, money, short_model, wrap

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x9b2J", "�2J"),
        ("a\tb", "a    b"),
        ("one\r\ntwo\nthree\rfour", "one⏎two⏎three␍four"),
        ("\x7f", "␡"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("hid\u200bden\u00ad", "hidden"),
        ("tag\U000e0041", "tag�"),
        ("\ud800", "�"),
        ("line\u2028sep", "line�sep"),
        ("👩‍💻 日本", "👩‍💻 日本"),
    ],
)
def test_control_characters_become_visible(raw, shown):
    assert clean(raw) == shown


@given(st.text())
def test_nothing_that_drives_a_terminal_is_left(text):
    for line in [clean(text), *lines_of(text)]:
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)
        line.encode()


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("hello", 5, "hello"),
        ("hello", 4, "hel…"),
        ("hello", 1, "…"),
        ("hello", 0, ""),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("日本語", 2, "…"),
        ("a日本語", 4, "a日…"),
    ],
)
def test_text_is_cut_by_cells(text, width, shown):
    assert cut(text, width) == shown


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Mn", "Me", "Zl", "Zp"])), st.integers(1, 30))
def test_what_is_fitted_has_exactly_the_width(text, width):
    assert cell_len(fit(text, width)) == cell_len(fit(text, width, right=True)) == width


@given(st.text(st.sampled_from("ab 日語 x")), st.integers(2, 12))
def test_wrapping_loses_nothing_but_spaces(text, width):
    pieces = list(wrap(text, width))
    assert all(cell_len(piece) <= width for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


def test_wrapping_prefers_spaces():
    assert list(wrap("the quick brown fox", 10)) == ["the quick", "brown fox"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "-"), (0, "0"), (999, "999"), (1000, "1.0k"), (9949, "9.9k"), (9960, "10k"), (1_400_000, "1.4M")],
)
def test_counts(number, shown):
    assert count(number) == shown


@pytest.mark.parametrize(
    ("nano", "shown"),
    [
        (None, "-"),
        (0, "$0.00"),
        (5_000, "<$0.00001"),
        (120_000, "$0.00012"),
        (13_200_000, "$0.0132"),
        (380_000_000, "$0.38"),
        (41_870_000_000, "$41.87"),
        (1_234_000_000_000, "$1,234"),
    ],
)
def test_money(nano, shown):
    assert money(nano) == shown


@pytest.mark.parametrize(
    ("us", "shown"),
    [
        (None, "-"),
        (412_000, "412ms"),
        (999_499, "999ms"),
        (999_600, "1.0s"),
        (59_960_000, "1m00"),
        (124_000_000, "2m04"),
        (HOUR + 5 * 60_000_000, "1h05"),
    ],
)
def test_durations(us, shown):
    assert duration(us) == shown


@pytest.mark.parametrize(
    ("ago_us", "shown"),
    [
        (0, "now"),
        (12_000_000, "12s"),
        (240_000_000, "4m"),
        (3 * HOUR, "3h"),
        (50 * HOUR, "2d"),
        (24 * 9 * HOUR, "13 Nov"),
    ],
)
def test_ages(ago_us, shown):
    now = 1_795_338_000_000_000
    assert age(now - ago_us, now) == shown
    assert age(now + 5 * HOUR, now) == "now"


def test_a_date_of_another_year_names_the_year():
    assert age(1_735_689_600_000_000, 1_795_338_000_000_000) == "Jan 2025"


def test_models_lose_what_all_of_them_have():
    assert short_model("models/gemini-3-pro-preview") == "3-pro"
    assert short_model("deep-research\x1b") == "deep-research␛"
