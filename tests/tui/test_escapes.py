"""Escape and the key after it, as the bytes of a terminal."""

from __future__ import annotations

import pytest
from textual import events
from textual.drivers.headless_driver import HeadlessDriver

from tui.escapes import EscapeParser, tell_escapes


def keys(*pieces: str) -> list[str]:
    """The keys that pieces of input mean, of which no time passes between two."""
    parser = EscapeParser()
    messages = [message for piece in pieces for message in parser.feed(piece)]
    return [message.key for message in messages if isinstance(message, events.Key)]


@pytest.mark.parametrize(
    ("pieces", "meant"),
    [
        (["\x1b", "r"], ["escape", "r"]),
        (["\x1b", "5", "j"], ["escape", "5", "j"]),
        (["\x1b", "b"], ["escape", "b"]),
        (["\x1b", "[", "j"], ["escape", "left_square_bracket", "j"]),
        (["\x1b", "\x1b[A"], ["escape", "up"]),
        (["\x1b", "\x1b", "q"], ["escape", "escape", "q"]),
        (["x\x1bw"], ["x", "escape", "w"]),
        (["\x1b:q\r"], ["escape", "colon", "q", "enter"]),
        (["\x1b[A\x1b[5~"], ["up", "pageup"]),
        (["\x1b", "[A"], ["up"]),
        (["\x1bOP"], ["f1"]),
        (["\x1bb"], ["ctrl+left"]),
        (["\x1b\x7f"], ["ctrl+w"]),
    ],
)
def test_what_comes_later_is_another_key(pieces, meant):
    assert keys(*pieces) == meant


def test_the_mouse_and_what_is_pasted_come_through():
    parser = EscapeParser()
    found = [*parser.feed("\x1b[<0;5;3M"), *parser.feed("\x1b[200~some words\x1b[201~"), *parser.feed("j")]
    assert [type(one) for one in found] == [events.MouseDown, events.Paste, events.Key]
    assert found[1].text == "some words"


def test_escape_alone_is_told_by_the_next_tick(monkeypatch):
    parser = EscapeParser()
    assert not list(parser.feed("\x1b"))
    monkeypatch.setattr("textual._parser.get_time", lambda: float("inf"))
    assert [one.key for one in parser.tick()] == ["escape"]
    assert [one.key for one in parser.feed("r")] == ["r"]


def test_terminals_get_it_and_other_drivers_are_left_alone():
    from textual.drivers import linux_driver

    tell_escapes(linux_driver.LinuxDriver)
    tell_escapes(HeadlessDriver)
    assert linux_driver.XTermParser is EscapeParser
