"""The current dialect: `steps`, `step.*`, `interaction.created` and `interaction.completed`."""

from __future__ import annotations

import json

from tracer.dialects.base import DialectName
from tracer.dialects.table import TableDialect
from tracer.events import JsonObject


class StepsDialect(TableDialect):
    """The common events speak its words already; only arguments given whole become strings."""

    name: DialectName = "steps"
    words = "steps"
    list_field = "steps"
    part_field = "step"

    def write_fields(self, fields: JsonObject) -> JsonObject:
        """`role` exists in legacy only."""
        return {name: value for name, value in fields.items() if name != "role"}

    def write_delta(self, delta: JsonObject) -> list[JsonObject]:
        """A whole function call is said by its arguments as a string; name and id stood in the start event."""
        if delta.get("type") != "function_call":
            return [delta]
        arguments = json.dumps(delta.get("arguments", {}), ensure_ascii=False, separators=(",", ":"))
        return [{"type": "arguments_delta", "arguments": arguments}]
