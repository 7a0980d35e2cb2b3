"""Keys typed faster than the screen changes go where the last one led.

Textual sends a key to what has the focus when the key arrives. If the key before it is still on its way to opening a
prompt or a menu, that is the pane, which would take the letters of a search for keys of its own. Whatever opens over
the panes therefore notes the keys that passed it, and the app sends on those that did not.
"""

from __future__ import annotations

from contextlib import suppress

from textual import events
from textual.app import App
from textual.widget import Widget

from tui.widgets.virtual_list import VirtualList


class Witness(Widget):
    """What keys are meant for while the focus is on or in it."""

    last_key: events.Key | None = None

    def on_key(self, event: events.Key) -> None:
        """Note it."""
        self.last_key = event


class AttentiveApp(App[None]):
    """An app whose prompts and menus are witnesses, and to which escape is a key of its own."""

    def __init__(self) -> None:
        super().__init__()
        with suppress(ImportError):  # a Textual whose parser is elsewhere reads its keys as it does
            from tui.escapes import tell_escapes

            tell_escapes(self.driver_class)

    async def on_event(self, event: events.Event) -> None:
        """A key of a pane does at once what it does. Textual would hand it from widget to widget first, and the next
        key meanwhile to the pane that this one leaves."""
        if not (isinstance(event, events.Key) and not event.is_forwarded and await self._done_at_once(event.key)):
            await super().on_event(event)

    async def _done_at_once(self, key: str) -> bool:
        if isinstance(self.screen, Witness) or not isinstance(self.focused, VirtualList):
            return False
        return await self._check_bindings(key, priority=True) or await self._check_bindings(key)

    def on_key(self, event: events.Key) -> None:
        """Every key that nothing took comes by here; one that was on its way to a former focus is sent on."""
        target = self.focused or self.screen
        witness = next((node for node in target.ancestors_with_self if isinstance(node, Witness)), None)
        if witness is not None and witness.last_key is not event:
            event.prevent_default()
            target._forward_event(events.Key(event.key, event.character))
