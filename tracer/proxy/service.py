"""The recording proxy as the verbs use it: capture, addon and embedded mitmproxy, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tracer.capture.account import load_account_key
from tracer.capture.child import Destination
from tracer.capture.session import CaptureSession, RunInfo
from tracer.errors import TracerError
from tracer.proxy.access import Access
from tracer.proxy.addon import RecordingAddon
from tracer.proxy.run import EmbeddedProxy
from tracer.proxy.trust import forward_variables
from tracer.proxy.upstream import Routing
from tracer.proxy.way_out import WayOut
from tracer.settings import Settings
from tracer.store.schema import open_for_writing

_CHECK_SECONDS = 1.0
_SETTLE_SECONDS = 1.0
_DRAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the proxy listens; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    forward: tuple[str, int] | None = None
    """Where the forward proxy listens, if one is wanted."""
    token: str | None = None
    """What clients must know; needed where others can reach the address."""


class RecordingProxy:
    """One run of the proxy. `start`, then `stop` in any case."""

    def __init__(
        self, settings: Settings, routing: Routing, listen: Listen, info: RunInfo, *, report: Callable[[str], None]
    ) -> None:
        """Opens database and journal and starts the ingester. Raises TracerError if one can't be had."""
        # Made here and now, so that a database that can't be opened is said before any traffic.
        open_for_writing(settings.db).close()
        key = load_account_key(settings.account_key)
        destination = Destination(
            db=settings.db,
            journal=settings.journal,
            tier=settings.tier,
            prices=settings.prices,
            max_size=settings.max_size,
            power_safe=settings.power_safe,
        )
        self._capture = CaptureSession(
            destination,
            info,
            account_key=key,
            max_body=settings.max_body,
            report=report,
            keep_bodies=settings.capture == "full",
        )
        access = Access(listen.token)
        self.addon = RecordingAddon(routing, self._capture.recorder, report, access=access)
        trusted = os.environ.get("SSL_CERT_FILE")
        way_out = WayOut(os.environ)
        for problem in way_out.problems:
            report(problem)
        self._upstream = routing.gemini
        self._proxy = EmbeddedProxy(
            self.addon,
            host=listen.host,
            port=listen.port,
            upstream=routing.gemini,
            ca_folder=settings.ca_folder,
            # The variable by which the SDKs themselves are told whom to trust.
            trusted=Path(trusted) if trusted else None,
            forward=listen.forward,
            way_out=way_out,
        )
        self._watch: asyncio.Task[None] | None = None
        self.hurry = asyncio.Event()
        """Set to end without waiting for the ingester."""

    @property
    def run(self) -> str:
        """The key of this run."""
        return self._capture.run

    @property
    def forward_url(self) -> str | None:
        """The URL of the forward proxy, if there is one."""
        return self._proxy.forward_url

    def forward_variables(self) -> dict[str, str]:
        """What leads a program through the forward proxy, once it listens. Raises TracerError."""
        assert self._proxy.forward_url is not None
        try:
            return forward_variables(
                self._proxy.forward_url, self._proxy.authority, os.environ, upstream=self._upstream.host
            )
        except OSError as error:
            folder = str(self._proxy.authority.parent)
            raise TracerError(f"the certificates can't be written to {folder!r}: {error.strerror}") from error

    async def start(self) -> str:
        """The URL of the proxy, which answers now. Raises TracerError."""
        url = await self._proxy.start()
        self._watch = asyncio.create_task(self._watch_ingester())
        return url

    async def stop(self, exit_code: int | None = None) -> bool:
        """Close the listener and wait until all is in the database; whether that is so."""
        if self._watch is not None:
            self._watch.cancel()
        await self._settle()
        await self._proxy.stop()
        return await self._capture.close(exit_code, seconds=_DRAIN_SECONDS, hurry=self.hurry)

    async def _settle(self) -> None:
        # The client is gone, but its last disconnect may not have been seen yet.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.addon.quiet.wait(), _SETTLE_SECONDS)

    async def _watch_ingester(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            self._capture.check()


@contextlib.contextmanager
def signals(handler: Callable[[int], None]) -> Iterator[None]:
    """Within the block the signals by which people and systems end programs go to `handler`, on the event loop."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    for number in numbers:
        loop.add_signal_handler(number, handler, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
