"""mitmproxy's hooks, found once instead of at every event.

The stock manager walks all addons for each of about eight hooks of a request. This one keeps the walk's result, and
runs hooks that are plain functions without a task of their own.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mitmproxy import exceptions, flow, hooks
from mitmproxy.addonmanager import AddonManager

_log = logging.getLogger("mitmproxy.addonmanager")


class CachedAddonManager(AddonManager):
    """Calls what the stock manager would call, in its order, with its rules for errors."""

    def __init__(self, master: Any) -> None:
        self._found: dict[str, list[Callable[..., Any]]] = {}
        self._stock.__init__(master)

    @property
    def _stock(self) -> Any:
        return super()

    def register(self, addon: Any) -> Any:
        """Stock; what was found may have changed, also when registering fails half way."""
        self._found = {}
        try:
            return self._stock.register(addon)
        finally:
            self._found = {}

    def add(self, *addons: Any) -> None:
        """Stock; the chain is longer afterwards."""
        self._stock.add(*addons)
        self._found = {}

    def remove(self, addon: Any) -> None:
        """Stock; the chain is shorter afterwards."""
        try:
            self._stock.remove(addon)
        finally:
            self._found = {}

    def clear(self) -> None:
        """Stock; nothing is left."""
        self._stock.clear()
        self._found = {}

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call every hook of this event and await those that ask for it."""
        rest = self.begin(event)
        if rest is not None:
            await rest

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """The same, and the `update` hook of a flow."""
        rest = self.begin_lifecycle(event)
        if rest is not None:
            await rest

    def begin_lifecycle(self, event: hooks.Hook) -> Awaitable[None] | None:
        """As `handle_lifecycle`, without a coroutine where none is needed: what is left to await, or None."""
        message = event.args()[0]
        rest = self.begin(event)
        if not isinstance(message, flow.Flow) or not self._callables(hooks.UpdateHook([message])):
            return rest
        if rest is None:
            return self.begin(hooks.UpdateHook([message]))
        return self._then_update(rest, message)

    def begin(self, event: hooks.Hook) -> Awaitable[None] | None:
        """Call the hooks of an event up to the first one that has to be awaited: what is left, or None."""
        callables = self._callables(event)
        return self._call(iter(callables), event.args()) if callables else None

    async def _then_update(self, rest: Awaitable[None], message: flow.Flow) -> None:
        await rest
        await self.trigger_event(hooks.UpdateHook([message]))

    def _callables(self, event: hooks.Hook) -> list[Callable[..., Any]]:
        found = self._found.get(event.name)
        if found is None:
            found = self._found[event.name] = []
            for addon in self.chain:
                try:
                    found += [function for _, function in self._iter_hooks(addon, event)]
                except exceptions.AddonManagerError as error:
                    _log.error("Addon error: %s", error)
        return found

    def _call(self, callables: Iterator[Callable[..., Any]], arguments: list[Any]) -> Awaitable[None] | None:
        for function in callables:
            try:
                result = function(*arguments)
            except exceptions.AddonHalt:
                return None
            except exceptions.OptionsError:
                raise
            except Exception:
                _log.exception("Addon error")
                continue
            if result is not None and inspect.isawaitable(result):
                return self._go_on(result, callables, arguments)
        return None

    async def _go_on(self, awaited: Awaitable[Any], callables: Iterator[Callable[..., Any]], arguments: Any) -> None:
        try:
            await awaited
        except exceptions.AddonHalt:
            return
        except exceptions.OptionsError:
            raise
        except Exception:
            _log.exception("Addon error")
        rest = self._call(callables, arguments)
        if rest is not None:
            await rest
