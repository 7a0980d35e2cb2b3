"""Rows and records as the lines that stand on the screen."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from drawn import ASKED, MINUTE, answered, detail, node, said, transcript
from rich.cells import cell_len

from tracer.store.rows import ConversationRow
from tracer.testing import answer, exchange, function_call
from tui.blocks import blocks
from tui.markdown import is_plain, markdown, paragraphs, plain, rendered
from tui.outline import outline
from tui.summary import head
from tui.theme import S
from tui.transcript import bodies, lines
from tui.widgets import conversations, tree

CONVERSATION = ConversationRow(
    seq=1,
    rev=1,
    root_key="a",
    project="test",
    title="Refund for order 417 \x1b[2J",
    interactions=12,
    failed=0,
    running=0,
    total_tokens=1234,
    cost_nano=380_000_000,
    started_at_us=0,
    last_at_us=0,
    models="gemini-3.5-flash",
)


def test_a_conversation_in_two_lines():
    now = 4 * MINUTE
    first = said(conversations.first_line(CONVERSATION, 38, now))
    second = said(conversations.second_line(CONVERSATION, 38, now))
    assert first == " ● Refund for order 417 ␛[2J       4m "
    assert second == "    12 turns   1.2k tok     $0.38"


def test_a_narrow_conversation_drops_its_tokens_and_not_half_of_its_cost():
    assert said(conversations.second_line(CONVERSATION, 30, 0)) == "    12 turns     $0.38"


def test_a_conversation_in_one_line():
    drawn = said(conversations.one_line(CONVERSATION, 100, 4 * MINUTE))
    assert (
        drawn == " ● Refund for order 417 ␛[2J                       3.5-flash           12    1.2k     $0.38      4m "
    )
    assert len(drawn) == 100


@pytest.mark.parametrize("width", range(20, 200, 7))
def test_no_line_is_wider_than_its_pane(width):
    wide = dataclasses.replace(CONVERSATION, title="日本語 " * 30, models="a b c " * 9, interactions=99_999)
    for draw in (conversations.first_line, conversations.one_line):
        if width >= 64 or draw is conversations.first_line:
            assert cell_len(said(draw(wide, width, 0))) <= width
    branch = outline([node("a", prompt="日本語 " * 30, tools="search lookup", model="gemini-3.5-flash")])[0]
    for drawn in (tree.first_line(branch, width), tree.second_line(branch, width, 0)):
        assert width < 40 or cell_len(said(drawn)) == width
    assert width < 76 or cell_len(said(tree.one_line(branch, width, 0))) == width


@pytest.mark.parametrize(
    ("fields", "sign"),
    [
        ({}, "●"),
        ({"status": "requires_action"}, "◆"),
        ({"status": "in_progress", "state": "in_flight"}, "◐"),
        ({"status": None, "state": "in_flight"}, "◐"),
        ({"status": "failed"}, "✖"),
        ({"status": None, "state": "error"}, "✖"),
        ({"status": "in_progress", "state": "truncated"}, "◍"),
        ({"status": "completed", "state": "interrupted"}, "◍"),
        ({"status": "budget_exceeded"}, "◒"),
        ({"status": "never_heard_of"}, "·"),
        ({"ghost": True, "status": None}, "◌"),
    ],
)
def test_signs(fields, sign):
    assert said(tree.first_line(outline([node("a", **fields)])[0], 60)).strip().startswith(sign)


def test_an_interaction_in_two_lines():
    row = node(
        "a",
        prompt="Where is it?",
        tools="lookup_order",
        model="gemini-3.5-flash",
        input_tokens=1200,
        output_tokens=310,
        thought_tokens=90,
        duration_us=900_000,
        cost_nano=13_200_000,
    )
    branch = outline([row, node("b", "a", 1)])[0]
    assert said(tree.first_line(branch, 56)) == " ● Where is it?                          ⚙ lookup_order "
    assert said(tree.second_line(branch, 56, 0)) == " │  3.5-flash   Σ 0 $0.0132    1.2k→400  900ms  $0.0132 "


def test_a_narrow_tree_drops_the_tokens():
    row = node(
        "a", model="gemini-3.5-flash", input_tokens=12, output_tokens=7, duration_us=900_000, cost_nano=10_000_000
    )
    assert said(tree.second_line(outline([row])[0], 34, 0)) == "    3.5-flash      900ms  $0.0100 "


def test_a_chain_stays_in_its_column_and_a_fork_does_not():
    rows = [node("a"), node("b", "a", 1), node("c", "b", 2), node("d", "c", 3), node("e", "b", 4), node("f", "e", 5)]
    assert [(branch.head, branch.tail, branch.row.key) for branch in outline(rows)] == [
        ("", "│ ", "a"),
        ("", "│ ", "b"),
        ("├─", "│ │ ", "c"),
        ("│ ", "│   ", "d"),
        ("╰─", "  │ ", "e"),
        ("  ", "    ", "f"),
    ]


def test_ten_thousand_turns_do_not_march_off_the_screen():
    rows = [node(str(n), str(n - 1) if n else None, n) for n in range(10_000)]
    branches = outline(rows)
    assert len(branches) == 10_000
    assert {branch.head for branch in branches} == {""}


def test_rows_in_a_circle_all_come_out_once():
    assert sorted(b.row.key for b in outline([node("a", "b"), node("b", "a", 1)])) == ["a", "b"]


def test_forks_deeper_than_the_pane_keep_their_right_part():
    rows = [node("0")]
    for n in range(1, 60):
        rows += [node(f"{n}", f"{n - 1}", n), node(f"{n}x", f"{n - 1}", n)]
    deepest = max(outline(rows), key=lambda branch: len(branch.head))
    assert cell_len(said(tree.first_line(deepest, 50))) == 50
    assert said(tree.first_line(deepest, 50)).startswith(" ⋯")


def test_a_turn_that_brings_tool_results_is_marked():
    rows = [node("a", tools="lookup_order"), node("b", "a", 1, prompt='lookup_order: {"status": 1}')]
    assert said(tree.first_line(outline(rows)[1], 50)).startswith(" ● ↳ lookup_order:")


def output(text: str) -> dict[str, Any]:
    return {"type": "model_output", "content": [{"type": "text", "text": text}]}


def test_markdown_is_drawn_and_html_is_kept():
    text = "# Title\n\nSome **bold** <b>tags</b>\n\n\n- one\n- two\n\n<script>x</script>"
    assert answered(output(text)).split("▍3.5-flash\n")[1].rstrip() == (
        "  Title\n\n  Some bold <b>tags</b>\n\n   • one\n   • two\n\n  <script>x</script>"
    )


def test_an_answer_cannot_drive_the_terminal():
    shown = answered(output("safe \x1b]52;c;aGk=\x07 \x9b2J"), function_call("c\x1b", "na\x07me", arg="\x9bx\x7f"))
    assert not any((ord(character) < 32 and character != "\n") or 127 <= ord(character) < 160 for character in shown)
    assert "␛]52;c;aGk=␇" in shown


def test_a_call_and_its_result_are_one_block():
    call = {"type": "google_search_call", "id": "s1", "arguments": {"queries": ["a"]}}
    result = {"type": "google_search_result", "call_id": "s1", "result": [{"search_suggestions": "b"}]}
    assert "▍⚙ google_search  s1\n  ? a\n  ↳ search suggestions (HTML; raw HTTP shows it)\n" in answered(call, result)


def test_a_long_result_is_folded_and_says_how_much_is_hidden():
    shown = answered(function_call("c", "fetch", rows=[{"n": n} for n in range(40)]))
    assert "⚙ fetch  c  ▸" in shown
    assert "⋯ 110 more lines" in shown


def test_media_are_named_with_type_and_size():
    request = {"model": "m", "input": [{"type": "image", "data": "AAAA" * 512, "mime_type": "image/png"}]}
    shown = transcript(detail(exchange(request, answer("v1_a", text="A cat"))))
    assert "▍You\n  ▣ image  image/png  1.5 kB  o opens it\n" in shown


def test_a_long_uri_wraps_without_looking_like_two_media():
    request = {"model": "m", "input": [{"type": "document", "uri": "https://example.com/" + "x" * 60}]}
    assert transcript(detail(exchange(request, answer("v1_a", text="Read")))).count("▣") == 1


def test_an_unknown_step_is_shown_as_it_came():
    assert '▍? hologram  unknown step\n  {"type": "hologram", "lumens": 7}' in answered(
        {"type": "hologram", "lumens": 7}
    )


def test_a_failed_result_is_marked():
    request = {
        **ASKED,
        "input": [{"type": "function_result", "call_id": "c", "name": "f", "result": "no", "is_error": True}],
    }
    assert "▍⚙ f  c\n  ✖ no" in transcript(detail(exchange(request, answer("v1_a", text="Sorry"))))


def test_the_head_sums_up():
    usage = {"total_input_tokens": 2014, "total_cached_tokens": 1664, "total_output_tokens": 512, "total_tokens": 2526}
    shown = detail(
        exchange(
            ASKED | {"previous_interaction_id": "v1_0"},
            answer("v1_a", text="x", usage=usage),
            at_us=1_795_338_000_000_000,
        ),
        model="gemini-3.5-flash",
        cost_nano=13_200_000,
    )
    assert [said(line).rstrip() for line in head(shown, 60)] == [
        " ● completed   3.5-flash",
        "   time   2026-11-22 09:00:00   took 1.0s",
        "   tokens 2,014 in (1,664 cached)   512 out",
        "   cost   $0.0132",
        "   via    google-genai-sdk 3.4.0",
        "   id     v1_a",
        "   after  v1_0",
        "─" * 60,
    ]


def test_unknown_cost_says_why():
    shown = detail(exchange({"model": "nobody-knows", "input": "x"}, answer("v1_a", text="x", model="nobody-knows")))
    assert any("unknown: no price" in said(line) for line in head(shown, 90))


@pytest.mark.parametrize("width", [20, 30, 47, 90])
def test_every_line_of_a_transcript_fits(width):
    steps = [
        {"type": "thought", "summary": [{"type": "text", "text": "Long " * 40}]},
        function_call("c", "f", 日本="語" * 90, list=list(range(50))),
        output("| a | b |\n|---|---|\n| " + "word " * 30 + " | 日本語 |\n\n```python\nx = 1\n```\n\n" + "x" * 300),
    ]
    made = blocks(detail(exchange(ASKED, answer("v1_a", steps=steps))))
    for line in lines(made, bodies(made, width), width, {0: True, 1: True, 2: True}, thoughts=True):
        assert cell_len(said(line.segments)) <= width


LONG = """# Title

First *paragraph*
over two lines.

- a list

  with a paragraph

Plain again.

```
code

not cut
```

1. one

2. two

> quoted

| a | b |
| - | - |
| 1 | 2 |

Last words"""


def test_a_text_drawn_by_paragraphs_is_the_text_drawn_at_once():
    def text(body):
        return ["".join(segment.text for segment in line).rstrip() for line in body]

    for width in (20, 60):
        assert text(markdown(LONG, width, S.plain)) == text(rendered(LONG, width, S.plain))
    assert "".join(paragraphs(LONG)) == LONG
    assert len(paragraphs(LONG)) == 4
    assert len(paragraphs(LONG + "\n\n[1]: https://example.test")) == 1


def test_of_a_growing_text_only_the_last_paragraph_is_drawn_again():
    grown = [LONG + " and *more*" * times for times in range(1, 20)]
    for text in grown:
        markdown(text, 50, S.plain)
    before = rendered.cache_info().misses
    markdown(grown[-1] + " *still*", 50, S.plain)
    assert rendered.cache_info().misses == before + 1


@pytest.mark.parametrize(
    "text",
    [
        "Hello world. " * 30,
        "One line\nand another of the same paragraph, which goes on and on",
        "Grüße, 日本語 テスト " * 20,
        "ends in spaces   ",
        "averylongwordthatfitsnowhere" * 5,
    ],
)
def test_mere_words_are_drawn_as_markdown_would(text):
    assert is_plain(text)
    plainly = [said(line).rstrip() for line in plain(text, 40, S.plain)]
    assert plainly == [said(line).rstrip() for line in rendered(text, 40, S.plain)]


@pytest.mark.parametrize(
    "text",
    [
        "a *b*",
        "- x",
        "1. x",
        "x\n- y",
        "Title\n===",
        "kept  \nbreak",
        "    code",
        "a `b`",
        "www.example.com",
        "&amp;",
        "a\n\nb",
        "",
    ],
)
def test_what_may_be_markdown_is_no_mere_words(text):
    assert not is_plain(text)
