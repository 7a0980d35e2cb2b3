"""Which fields of a record are in no table: counted, so that a change of the service's contract is seen."""

from __future__ import annotations

from collections.abc import Iterable

from tracer.dialects.words import (
    CONTENT_FIELDS,
    INTERACTION_FIELDS,
    KNOWN_CONTENTS,
    KNOWN_STEPS,
    STEP_FIELDS,
    USAGE_FIELDS,
)
from tracer.events import Json, JsonObject


def in_interaction(fields: JsonObject) -> set[str]:
    """Paths of unknown fields of an interaction object, its usage included."""
    found = {name for name in fields.keys() - INTERACTION_FIELDS if name not in ("steps", "outputs")}
    usage = fields.get("usage")
    if isinstance(usage, dict):
        found |= {f"usage.{name}" for name in usage.keys() - USAGE_FIELDS}
    return found


def in_steps(steps: Iterable[JsonObject]) -> set[str]:
    """Paths of unknown fields of steps and of what they hold; an unknown type stands for its whole step."""
    found: set[str] = set()
    for step in steps:
        kind = step.get("type")
        if not isinstance(kind, str) or kind not in KNOWN_STEPS:
            found.add(f"steps[type={kind}]")
            continue
        found |= {f"steps[].{name}" for name in step.keys() - STEP_FIELDS[kind]}
        for name in ("content", "summary"):
            found |= _in_contents(step.get(name), f"steps[].{name}[]")
    return found


def _in_contents(contents: Json, path: str) -> set[str]:
    found: set[str] = set()
    for content in contents if isinstance(contents, list) else []:
        kind = content.get("type") if isinstance(content, dict) else None
        if not isinstance(kind, str) or kind not in KNOWN_CONTENTS:
            found.add(f"{path}[type={kind}]".replace("[][", "["))
        else:
            found |= {f"{path}.{name}" for name in content.keys() - CONTENT_FIELDS[kind]}
    return found
