"""mitmproxy embedded: a master with only the addons that a reverse proxy needs, and ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import logging
import os
import random
import re
import socket
import sys
import types
import warnings
from pathlib import Path
from typing import Any

from tracer.errors import TracerError
from tracer.proxy import tuning
from tracer.proxy.upstream import Upstream
from tracer.proxy.way_out import WayOut, WayOutAddon
from tracer.wire.routes import HOSTS

_DAY_SECONDS = 86_400
_OWN_PORTS = range(20_000, 32_000)


class EmbeddedProxy:
    """A reverse proxy on this event loop. One at a time: mitmproxy keeps its master in globals."""

    def __init__(
        self,
        addon: Any,
        *,
        host: str,
        port: int,
        upstream: Upstream,
        ca_folder: Path,
        trusted: Path | None = None,
        forward: tuple[str, int] | None = None,
        way_out: WayOut | None = None,
    ) -> None:
        """`addon` gets mitmproxy's hooks; port 0 takes a free one.

        `forward` is where clients may ask for tunnels (CONNECT) as well. Only those to the service's hosts and to
        `upstream` are looked into; all others are passed on at the TCP level, with no certificate of ours.
        `trusted` is a file of certificate authorities for the upstream, else those of the certifi package count.
        `way_out` names the proxies between here and the upstream.
        """
        self._addon = addon
        self._listen = (host, port)
        self._upstream = upstream
        self._ca_folder = ca_folder
        self._trusted = trusted
        self._forward = forward
        self._way_out = [WayOutAddon(way_out)] if way_out else []
        self.forward_url: str | None = None
        """The URL of the forward proxy while it listens."""
        self._master: Any = None
        self._running: asyncio.Task[None] | None = None
        self._tuned = contextlib.ExitStack()

    async def start(self) -> str:
        """The URL on which it listens now. Raises TracerError if it can't."""
        self._ca_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ready = _Ready()
        self._master = _master([ready, _HangUp(), self._addon, *self._way_out], self._options())
        self._tuned.enter_context(tuning.quick_connections(self._master))
        self._tuned.enter_context(tuning.unchecked_messages())
        self._tuned.enter_context(tuning.small_queues())
        self._running = asyncio.create_task(self._master.run())
        waiting = asyncio.create_task(ready.event.wait())
        await asyncio.wait([self._running, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if ready.problem is not None or "reverse" not in ready.addresses:
            await self.stop()
            raise self._cannot_listen(ready.problem)
        self._tuned.enter_context(tuning.calm_collector())
        if self._forward is not None:
            self.forward_url = f"http://{_hostport(*ready.addresses['regular'])}"
        return f"http://{_hostport(*ready.addresses['reverse'])}"

    @property
    def authority(self) -> Path:
        """The certificate that clients of the forward proxy must trust; there once it has started."""
        return self._ca_folder / "mitmproxy-ca-cert.pem"

    async def stop(self) -> None:
        """Close the listener; the addon's `done` is called."""
        if self._master is None or self._running is None:
            return
        servers = self._master.addons.get("proxyserver").servers
        self._master.shutdown()
        await self._running
        await servers.update([])
        self._tuned.close()

    def _options(self) -> dict[str, Any]:
        upstream, (host, port) = self._upstream, self._listen
        modes = [f"reverse:{upstream.scheme}://{_hostport(upstream.host, upstream.port)}"]
        if self._forward is not None:
            # Two ports 0 count as the same address.
            modes.append(f"regular@{_hostport(self._forward[0], self._forward[1] or _free_port(self._forward[0]))}")
        return {
            "mode": modes,
            "allow_hosts": [] if self._forward is None else _looked_into(upstream),
            # The addon sets the upstream's, and needs to know the client's.
            "keep_host_header": True,
            "listen_host": host,
            "listen_port": port,
            "confdir": str(self._ca_folder),
            # Offline start, and no connection that nobody asked for.
            "connection_strategy": "lazy",
            # Agents think for a long time in silence.
            "tcp_timeout": _DAY_SECONDS,
            # Clients of this API speak HTTP/1.1, and header names then keep their spelling.
            "http2": False,
            "ssl_verify_upstream_trusted_ca": str(self._trusted) if self._trusted else None,
        }

    def _cannot_listen(self, problem: BaseException | None) -> TracerError:
        where = _hostport(*self._listen)
        if isinstance(problem, OSError) and problem.errno == errno.EADDRINUSE:
            return TracerError(f"{where!r} is taken by another program: give another --listen address, or port 0")
        if isinstance(problem, OSError) and problem.errno is not None:
            return TracerError(f"can't listen on {where!r}: {os.strerror(problem.errno)}")
        return TracerError(f"can't listen on {where!r}: {problem or 'mitmproxy did not start'}")


class _Ready:
    """Learns from mitmproxy that its servers are up, or why not (it logs that instead of raising)."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.addresses: dict[str, tuple[str, int]] = {}
        self.problem: BaseException | None = None

    def running(self) -> None:
        """Hook: the servers were started, with or without success."""
        from mitmproxy import ctx

        master: Any = ctx.master
        for server in master.addons.get("proxyserver").servers:
            self.problem = self.problem or server.last_exception
            for address in server.listen_addrs[:1]:
                self.addresses[server.mode.type_name] = address[:2]
        self.event.set()


class _HangUp:
    """At the end of the proxy no byte goes on that the recording, which ends then too, would not hold."""

    def done(self) -> None:
        """Hook; before ours, in the same step of the event loop."""
        from mitmproxy import ctx

        master: Any = ctx.master
        for handler in list(master.addons.get("proxyserver").connections.values()):
            for connection, io in list(handler.transports.items()):
                if io.writer is None:
                    continue
                if connection is handler.client:
                    # What it was given already may still arrive.
                    io.writer.close()
                else:
                    io.writer.transport.abort()


def _master(addons: list[Any], options: dict[str, Any]) -> Any:
    with warnings.catch_warnings(), _LeanAddons():
        # Deprecations between mitmproxy and its own dependencies are not ours to show, or to die of.
        warnings.simplefilter("ignore")
        from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig
        from mitmproxy.master import Master

    logger = logging.getLogger("mitmproxy")
    logger.setLevel(logging.CRITICAL)
    master: Any = Master(None)
    tuning.quick_manager(master)
    server: Any = proxyserver.Proxyserver
    # It formats every log record and offers it to every addon.
    master._legacy_log_events.uninstall()
    master.addons.add(core.Core(), server(), next_layer.NextLayer(), tlsconfig.TlsConfig(), *addons)
    master.options.update(**options)
    return master


class _LeanAddons:
    """While active, `mitmproxy.addons` is a bare package: its own code imports all addons (0.65 s of CPU at start)."""

    def __enter__(self) -> None:
        self._active = "mitmproxy.addons" not in sys.modules
        if self._active:
            bare = types.ModuleType("mitmproxy.addons")
            package = importlib.import_module("mitmproxy")
            bare.__path__ = [str(Path(folder) / "addons") for folder in package.__path__]
            sys.modules["mitmproxy.addons"] = bare

    def __exit__(self, *exception: object) -> None:
        if self._active:
            del sys.modules["mitmproxy.addons"]


def _looked_into(upstream: Upstream) -> list[str]:
    return [rf"^{HOSTS}:\d+$", rf"^{re.escape(_hostport(upstream.host, upstream.port))}$"]


def _free_port(host: str) -> int:
    # Not one of those that the system gives out: it may give it to somebody else before it is used here.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (*random.sample(_OWN_PORTS, 50), 0):
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    return 0


def _hostport(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
