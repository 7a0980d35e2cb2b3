"""For the user's own mitmproxy: `mitmdump -s "$(tracer addon)"`. Records what `tracer proxy` would record.

mitmproxy loads this file by its path, so it must run in an environment where this package is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from tracer import settings as settings_
from tracer.capture.account import load_account_key
from tracer.capture.child import Destination
from tracer.capture.session import CaptureSession, RunInfo
from tracer.proxy.addon import RecordingAddon
from tracer.store.schema import open_for_writing

_CHECK_SECONDS = 1.0
_DRAIN_SECONDS = 30.0

_log = logging.getLogger("tracer")


class ScriptAddon(RecordingAddon):
    """The addon with its own capture, which begins and ends with mitmproxy."""

    name = "interactions-tracer"

    def __init__(self) -> None:
        """Raises TracerError if the database or the journal can't be had."""
        settings = settings_.load()
        open_for_writing(settings.db).close()
        destination = Destination(
            db=settings.db,
            journal=settings.journal,
            tier=settings.tier,
            prices=settings.prices,
            max_size=settings.max_size,
        )
        key = load_account_key(settings.account_key)
        self._capture = CaptureSession(
            destination,
            RunInfo(project=settings.project),
            account_key=key,
            max_body=settings.max_body,
            report=_warn,
            keep_bodies=settings.capture == "full",
        )
        self._watch: asyncio.Task[None] | None = None
        super().__init__(None, self._capture.recorder, _warn)

    def running(self) -> None:
        """mitmproxy is up."""
        self._watch = asyncio.get_running_loop().create_task(self._watch_ingester())

    async def done(self) -> None:  # type: ignore[override]
        """mitmproxy ends, or loads the script again: wait until all is in the database."""
        super().done()
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self._capture.close(None, seconds=_DRAIN_SECONDS, hurry=asyncio.Event())

    async def _watch_ingester(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            self._capture.check()


def _warn(sentence: str) -> None:
    _log.warning("tracer: %s", sentence)


addons = [ScriptAddon()] if __name__ != "tracer.proxy.script" else []
