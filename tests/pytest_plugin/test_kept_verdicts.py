"""A run leaves behind what became of its cassettes, for the screen."""

from __future__ import annotations

from typing import Any

from tracer.cassettes.naming import record_of
from tracer.cassettes.verdicts import of_folder
from tracer.diff import diff

TEST = """
import pytest
from calls import create

@pytest.mark.interactions
def test_hits():
    create("Hi")

@pytest.mark.interactions
def test_asks():
    create({text!r})
"""


def test_hits_and_misses_of_the_last_run_are_kept(project: Any, service: Any) -> None:
    project.makepyfile(test_it=TEST.format(text="Where is order 417?"))
    project.record(service).assert_outcomes(passed=2)
    recorded = {verdict.cassette.rpartition("/")[2]: verdict for verdict in of_folder(project.path)}
    assert {name: verdict.recorded for name, verdict in recorded.items()} == {
        "test_hits.interactions.yaml": 1,
        "test_asks.interactions.yaml": 1,
    }
    project.makepyfile(test_it=TEST.format(text="Where is order 418?"))
    project.replay().assert_outcomes(passed=1, failed=1)
    missed, hit = of_folder(project.path)
    assert (missed.missed, missed.replayed, hit.replayed, hit.missed) == (1, 0, 1, 0)
    before, after = (record_of(name) for name in missed.compare[0])
    assert before is not None
    assert after is not None
    (step,) = [pair for pair in diff(before, after).steps if pair.side == "input"]
    assert [(piece.kind, piece.text) for piece in step.words if piece.kind != "same"] == [
        ("removed", "417"),
        ("added", "418"),
    ]


def test_what_a_run_did_not_use_keeps_its_verdict(project: Any, service: Any) -> None:
    project.makepyfile(test_it=TEST.format(text="Hello"))
    project.record(service).assert_outcomes(passed=2)
    project.replay("-k", "hits").assert_outcomes(passed=1, deselected=1)
    counts = {
        verdict.cassette.rpartition("/")[2]: (verdict.recorded, verdict.replayed) for verdict in of_folder(project.path)
    }
    assert counts == {"test_hits.interactions.yaml": (0, 1), "test_asks.interactions.yaml": (1, 0)}
    assert of_folder(project.path / "elsewhere") == []
