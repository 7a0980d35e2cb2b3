"""One client connection of mitmproxy's, with fewer tasks and fewer writes.

Stock mitmproxy starts a task for every hook and writes every piece to the socket as it comes: about eight tasks and
four writes for a request. Here hooks that need no waiting run where they stand, and what one event sends to one
connection leaves in one write. A body that streams goes past the layers (tracer.proxy.lane).
"""

from __future__ import annotations

import functools
import logging
from collections import deque
from typing import Any

from mitmproxy import flow, http
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionIO
from mitmproxy.utils import asyncio_utils

from tracer.proxy.turnstile import Turnstile


class QuickConnectionHandler(ProxyConnectionHandler):
    """Does what the stock handler does in its order; needs a `CachedAddonManager`."""

    turnstile: Turnstile
    take_lane: Any = None
    """`tracer.proxy.lane.take`, where bodies may go past the layers."""
    _streaming: http.HTTPFlow | None = None
    # Whose response streams through the layers now.

    async def handle_client(self) -> None:
        """Stock, in its turn."""
        await self.turnstile.passage()
        await super().handle_client()

    async def server_event(self, event: events.Event) -> None:
        """Hand an event to the layers, and what they answer to the world; once it is its turn, nothing waits."""
        # Replaces the stock method, whose code is compared before this class is used (tracer.proxy.tuning).
        await self.turnstile.passage()
        async with self._server_event_lock:
            watchdog: Any = self.timeout_watchdog
            watchdog.register_activity()
            pending: deque[events.Event] = deque([event])
            sending: dict[Connection, list[bytes]] = {}
            while pending:
                try:
                    for command in self.layer.handle_event(pending.popleft()):
                        self._obey(command, pending, sending)
                except Exception:
                    self.log("mitmproxy has crashed!", logging.ERROR, exc_info=True)
            self._send(sending)
            if self._streaming is not None and isinstance(event, events.DataReceived):
                self._try_lane(self._streaming)

    def _obey(
        self, command: commands.Command, pending: deque[events.Event], sending: dict[Connection, list[bytes]]
    ) -> None:
        if isinstance(command, commands.SendData):
            if command.connection in self.transports:
                sending.setdefault(command.connection, []).append(command.data)
        elif isinstance(command, commands.StartHook):
            self._hook(command, pending)
        elif isinstance(command, commands.Log):
            self.log(command.message, command.level)
        else:
            # What opens, closes or waits comes after what was sent before it.
            self._send(sending)
            self._obey_slowly(command)

    def _obey_slowly(self, command: commands.Command) -> None:
        peer = self.client.peername
        if isinstance(command, commands.OpenConnection):
            assert command.connection not in self.transports
            name = f"server connection handler {command.connection.address}"
            handler = asyncio_utils.create_task(self.open_connection(command), name=name, keep_ref=False, client=peer)
            self.transports[command.connection] = ConnectionIO(handler=handler)
        elif isinstance(command, commands.RequestWakeup):
            name = f"wakeup timer ({command.delay:.1f}s)"
            self.wakeup_timer.add(
                asyncio_utils.create_task(self.wakeup(command), name=name, keep_ref=False, client=peer)
            )
        elif isinstance(command, commands.ConnectionCommand) and command.connection not in self.transports:
            return  # closed already
        elif isinstance(command, commands.CloseTcpConnection):
            self.close_connection(command.connection, command.half_close)
        elif isinstance(command, commands.CloseConnection):
            self.close_connection(command.connection, half_close=False)
        else:
            raise RuntimeError(f"Unexpected command: {command}")

    def _hook(self, hook: commands.StartHook, pending: deque[events.Event]) -> None:
        manager: Any = self.master.addons
        (data,) = hook.args()
        rest = manager.begin_lifecycle(hook)
        if hook.name == "responseheaders" and self.take_lane is not None:
            self._streaming = data
        elif hook.name in ("response", "error"):
            self._streaming = None
        if rest is not None or (isinstance(data, flow.Flow) and data.intercepted):
            name = f"handle_hook({hook.name})"
            asyncio_utils.create_task(
                self._end_hook(hook, rest, data), name=name, keep_ref=True, client=self.client.peername
            )
        elif hook.blocking:
            pending.append(events.HookCompleted(hook))

    async def _end_hook(self, hook: commands.StartHook, rest: Any, data: Any) -> None:
        with self.timeout_watchdog.disarm():
            if rest is not None:
                await rest
            if isinstance(data, flow.Flow):
                await data.wait_for_resume()  # type: ignore[no-untyped-call]
        if hook.blocking:
            await self.server_event(events.HookCompleted(hook))

    def _try_lane(self, flow: http.HTTPFlow) -> None:
        answer = self.take_lane(self, flow, functools.partial(self._left_lane, flow))
        if answer == "taken":
            self.turnstile.begin_stream()
        if answer != "not yet":
            self._streaming = None

    def _left_lane(self, flow: http.HTTPFlow, wake: bool) -> None:
        self.turnstile.end_stream()
        # There may be more of the body behind what the layers must look at.
        self._streaming = flow
        if wake:
            event = self.server_event(events.DataReceived(flow.server_conn, b""))
            asyncio_utils.create_task(event, name="end of a lane", keep_ref=True, client=self.client.peername)

    def _send(self, sending: dict[Connection, list[bytes]]) -> None:
        for connection, pieces in sending.items():
            transport = self.transports.get(connection)
            if transport is None:
                continue
            writer = transport.writer
            assert writer is not None
            if not writer.is_closing():
                writer.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        sending.clear()

    async def drain_writers(self) -> None:
        """Wait until all writers have room; mostly they have, and then there is nothing to wait for."""
        for transport in self.transports.values():
            writer: Any = transport.writer
            if writer is not None:
                stream = writer.transport
                if stream.is_closing() or stream.get_write_buffer_size():
                    await super().drain_writers()  # type: ignore[no-untyped-call]
                    return
