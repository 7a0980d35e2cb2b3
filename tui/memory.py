"""What lasts from one start to the next: how panes stand, the theme, and the filter of each project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "state.json"


class Memory:
    """A small JSON file. What can't be read counts as nothing, what can't be written is not kept."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE
        self._values: dict[str, Any] = {}
        try:
            values = json.loads(self._path.read_text(encoding="utf-8")) if self._path else None
        except (OSError, ValueError):
            values = None
        if isinstance(values, dict):
            self._values = values

    @property
    def panes(self) -> int | None:
        """How many panes were wanted last; None if nobody said."""
        panes = self._values.get("panes")
        return panes if panes in (1, 2, 3) else None

    @property
    def stacked(self) -> bool | None:
        """Whether request and response stood one above the other; None if nobody said."""
        stacked = self._values.get("stacked")
        return stacked if isinstance(stacked, bool) else None

    def keep_stacked(self, stacked: bool) -> None:
        """Remember how they stand."""
        self._keep("stacked", stacked)

    @property
    def theme(self) -> str | None:
        """The theme chosen last; None if nobody chose one."""
        theme = self._values.get("theme")
        return theme if isinstance(theme, str) else None

    def keep_theme(self, theme: str) -> None:
        """Remember a theme."""
        self._keep("theme", theme)

    def filter(self, place: str) -> str:
        """The filter that held last, of a database and project."""
        filters = self._values.get("filters")
        text = filters.get(place) if isinstance(filters, dict) else None
        return text if isinstance(text, str) else ""

    def keep_panes(self, panes: int | None) -> None:
        """Remember how many panes are wanted."""
        self._keep("panes", panes)

    def keep_filter(self, place: str, text: str) -> None:
        """Remember a filter."""
        filters = self._values.get("filters")
        kept = {**(filters if isinstance(filters, dict) else {}), place: text}
        self._keep("filters", {name: words for name, words in kept.items() if words})

    def _keep(self, name: str, value: Any) -> None:
        self._values[name] = value
        if self._path is not None:
            from tui.takeaway import write

            try:
                write(self._path, json.dumps(self._values, ensure_ascii=False))
            except OSError:
                return
