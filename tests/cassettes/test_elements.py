from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest
import yaml

from tracer.cassettes.elements import read_elements

DOCUMENTS = [
    "interactions:\n- {a: 1}\n- [2, x]\n- text\nversion: 1\n",
    "version: 1\ninteractions: []\n",
    "interactions: null\n",
    "interactions: {a: 1}\n",
    "other: [1, 2]\nmore: &a {x: !!binary aGk=}\nagain: *a\n",
    "interactions:\n- &first\n  body: |\n    a\n    b\n- *first\n- <<: *first\n  b: 2\n",
    "- 1\n- 2\n",
    "just text\n",
    "3: x\n",
    "--- {a: 1}\n--- {interactions: [1, 2]}\n---\n...\n",
    '{"interactions": [{"a": "\\u00fc"}], "version": 1}',
    "",
]


def rebuilt(text: str) -> list[Any]:
    documents: list[Any] = []
    elements: list[Any] = []
    for is_element, value in read_elements(io.StringIO(text)):
        if is_element:
            elements.append(value)
            continue
        if isinstance(value, dict) and elements:
            value["interactions"] = elements
        elements = []
        documents.append({str(key): inner for key, inner in value.items()} if isinstance(value, dict) else value)
    return documents


@pytest.mark.parametrize("text", DOCUMENTS)
def test_put_together_again_it_is_what_yaml_reads(text: str) -> None:
    whole = yaml.safe_load_all(text)
    expected = [{str(key): value for key, value in one.items()} if isinstance(one, dict) else one for one in whole]
    assert rebuilt(text) == expected


@pytest.mark.parametrize(
    "text", ["interactions: [", "interactions:\n- {a", "a: *nothing\n", "interactions: !!python/tuple []\n", "[" * 5000]
)
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises((yaml.YAMLError, RecursionError)):
        list(read_elements(text))


def test_elements_before_the_damage_come() -> None:
    elements = read_elements(io.StringIO("interactions:\n- {a: 1}\n" + "- {b: 2}\n" * 20_000 + "- {c"))
    assert next(elements) == (True, {"a": 1})


def test_a_long_list_is_not_in_memory_at_once() -> None:
    text = "interactions:\n" + "- {request: {uri: x, body: [1, 2, 3]}, response: {status: {code: 200}}}\n" * 4_000
    tracemalloc.start()
    try:
        count = sum(1 for is_element, _ in read_elements(io.StringIO(text)) if is_element)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 4_000
    # The text as StringIO keeps it takes four times its length, a tree of all of it a hundred times.
    assert peak < 8 * len(text)
