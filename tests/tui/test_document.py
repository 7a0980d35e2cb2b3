from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracer.testing import START_US, answer, exchange, text_stream
from tui.document import MAX_BODY, Document, add_body, add_json
from tui.document_lines import draw
from tui.raw import request_document, response_document, timed_events

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def of(value) -> Document:
    nodes = []
    add_json(nodes, value)
    return Document(nodes)


def text(document: Document, width: int = 100) -> str:
    lines = []
    for line in range(len(document)):
        folded, foldable = document.is_folded(line), document.opens(line)
        segments = draw(document.node(line), width, folded=folded, foldable=foldable)
        lines.append("".join(segment.text for segment in segments).rstrip())
    return "\n".join(lines)


STEPS = {"model": "flash", "steps": [{"type": "text", "n": 1}, []], "": None}


def test_json_is_drawn_with_signs_and_places():
    assert text(of(STEPS)).splitlines() == [
        " ▾ {",
        '     "model": "flash"',
        '   ▾ "steps": [',
        "     ▾ 0 {",
        '         "type": "text"',
        '         "n": 1',
        "       }",
        "       1 []",
        "     ]",
        '     "": null',
        "   }",
    ]


def test_a_folded_node_counts_its_children_and_hides_them():
    document = of(STEPS)
    document.fold(2, True)
    assert text(document).splitlines()[2:4] == ['   ▸ "steps": [ … ]  2 items', '     "": null']
    document.fold(0, True)
    assert text(document) == " ▸ { … }  3 keys"
    document.fold(0, False)
    assert len(document) == 5


def test_paths_are_those_of_jq():
    document = of({"steps": [{"the type": 1, "x": {"y": True}}]})
    paths = [document.path(place) for place in range(len(document.nodes))]
    assert paths == [
        ".",
        ".steps",
        ".steps[0]",
        '.steps[0]["the type"]',
        ".steps[0].x",
        ".steps[0].x.y",
        ".steps[0].x",
        ".steps[0]",
        ".steps",
        ".",
    ]


def test_search_goes_round_and_opens_what_hides_the_find():
    document = of({"a": {"b": "Needle"}, "c": "needle"})
    document.fold_all(True)
    assert document.search("needle", 0, 1) == 2
    assert document.search("needle", 2, 1) == 4
    assert document.search("needle", 2, -1) == 4
    assert document.search("Needle", 2, 1) == 2, "a capital letter asks for capitals"
    assert document.search("nowhere", 0, 1) is None
    assert document.node(document.reveal(2)).value == "Needle"


@given(JSON, st.lists(st.integers(0, 30)))
def test_whatever_is_folded_each_line_is_seen_once_or_hidden_by_a_fold(value, folds):
    document = of(value)
    for fold in folds:
        if fold < len(document) and document.opens(fold):
            document.fold(fold, not document.is_folded(fold))
    seen = list(document.visible)
    assert seen == sorted(set(seen))
    for place in range(len(document.nodes)):
        hidden = any(at < place <= document.nodes[at].end for at in document.folded)
        assert (place in seen) != hidden
        assert document.line_of(place) <= len(seen) - 1


def test_deep_nesting_and_control_characters_do_no_harm():
    deep: object = "\x1b]0;title\x07\x9b31m"
    for _ in range(5_000):
        deep = [deep]
    document = of(deep)
    assert len(document) == 10_001
    assert not {"\x1b", "\x9b", "\x07"} & set(text(document))
    nodes = []
    add_body(nodes, b"[" * 100_000)
    assert nodes[0].kind == "text"


def test_a_body_past_the_limit_is_shown_from_its_beginning():
    nodes = []
    add_body(nodes, b'"' + b"x" * MAX_BODY + b'"')
    assert nodes[0].kind == "note"
    assert "tracer show --raw" in nodes[0].value
    assert len(draw(nodes[1], 80, folded=False, foldable=False)[2].text) <= 80


def test_a_stream_is_folded_into_its_events_with_their_times():
    stream = exchange(
        {"model": "m", "input": "Hi", "stream": True}, text_stream("v1_s", list("abcd")), took_us=1_000_000
    )
    events = list(timed_events(stream))
    assert [event.name for event in events[:3]] == ["interaction.created", "step.start", "step.delta"]
    assert [event.at_us for event in events[:3]] == [100_000, 200_000, 300_000]
    lines = text(response_document(stream), 64).splitlines()
    assert lines == [
        "   200 text/event-stream   1.000s   1,091 bytes",
        " ▸ response headers (1)",
        ' ▸ interaction.created  "in_progress"                    +0.100',
        " ▸ step.start  [0] model_output                          +0.200",
        " ▸ step.delta x4  [0] text                      +0.300 … +0.600",
        " ▸ step.stop  [0]                                        +0.700",
        ' ▸ interaction.completed  "completed"                    +0.800',
        " ▸ done  [DONE]                                          +0.900",
    ]


def test_an_exchange_without_an_answer_says_why():
    failed = exchange({"input": "Hi"}, status=None, outcome="failed", error="connection refused", at_us=START_US)
    assert text(response_document(failed)) == "   no response: connection refused"
    document = request_document(exchange({"input": "Hi"}, answer("v1_a", text="x"), query=(("alt", "sse"),)))
    assert text(document).splitlines()[:4] == [
        "   POST /v1/interactions?alt=sse",
        "   to: https://generativelanguage.googleapis.com",
        " ▸ request headers (3)",
        " ▾ {",
    ]
