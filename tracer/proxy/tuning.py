"""Makes the embedded mitmproxy faster where its code is the code we know; elsewhere it stays as it is.

What we replace is compared with what we replaced it for, by its source: a mitmproxy that changed there runs untouched.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gc
import hashlib
import importlib
import inspect
import os
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

from tracer.proxy.turns import short_turns

SWITCH = "TRACER_PROXY_TUNING"
"""A variable that names the parts in use (`dispatch,connections,lane,checks,queues,collector,uvloop,turns`), or says
`off`. It tells whose fault a fault is, and what each part gains; without it all are in use."""

# What each replacement relies on, and the hash of that code in mitmproxy 12.2.3.
_RELIED_ON = {
    "dispatch": (
        ("mitmproxy.addonmanager", "AddonManager"),
        ("mitmproxy.addonmanager", "traverse"),
        ("mitmproxy.addonmanager", "safecall"),
    ),
    "connections": (
        ("mitmproxy.proxy.server", "ConnectionHandler"),
        ("mitmproxy.proxy.server", "ConnectionIO"),
        ("mitmproxy.proxy.mode_servers", "ProxyConnectionHandler"),
        ("mitmproxy.proxy.mode_servers", "ServerInstance"),
    ),
    "lane": (
        ("mitmproxy.proxy.layers.http._http1", "Http1Connection"),
        ("mitmproxy.proxy.layers.http._http1", "Http1Client"),
        ("mitmproxy.proxy.layers.http._http1", "Http1Server"),
        ("mitmproxy.proxy.layers.http", "HttpStream"),
        ("mitmproxy.proxy.layers.http", "HttpLayer"),
        ("mitmproxy.proxy.layers.tls", "TLSLayer"),
        ("mitmproxy.proxy.layers.tls", "ClientTLSLayer"),
        ("mitmproxy.proxy.layers.modes", "HttpProxy"),
        ("mitmproxy.proxy.layer", "NextLayer"),
        ("mitmproxy.proxy.tunnel", "TunnelLayer"),
        ("h11._readers", "ChunkedReader"),
        ("h11._readers", "ContentLengthReader"),
        ("h11._readers", "Http10Reader"),
    ),
    "checks": (("mitmproxy.http", "MessageData"),),
    "queues": (("mitmproxy.proxy.layer", "Layer"),),
}
_KNOWN = {
    "checks": frozenset({"bad2ea9a351a70d6"}),
    "queues": frozenset({"e98dedd896fb7cd2"}),
    "dispatch": frozenset({"07bbf6f946b5ca7d"}),
    "connections": frozenset({"870e8f3afd35f78e"}),
    "lane": frozenset({"4018e4a5b77873a0"}),
}
# Old generations are looked at often enough that connections which ended are not kept: mitmproxy's are full of cycles.
_THRESHOLDS = (20_000, 5, 2)


def quick_manager(master: Any) -> bool:
    """Give a master that has no addons yet the manager that remembers hooks; whether that was done."""
    if not is_known("dispatch"):
        return False
    from tracer.proxy.dispatch import CachedAddonManager

    # The empty manager before it stays connected to the options, and has nobody to tell of them.
    master.addons = CachedAddonManager(master)
    return True


@contextlib.contextmanager
def quick_connections(master: Any) -> Iterator[bool]:
    """Within the block, new client connections are handled by our class; whether that is so."""
    from mitmproxy.proxy import mode_servers

    if not hasattr(master.addons, "begin_lifecycle") or not is_known("connections"):
        yield False
        return
    from tracer.proxy.connections import QuickConnectionHandler
    from tracer.proxy.turnstile import Turnstile

    class Handler(QuickConnectionHandler):
        """With lanes, where the layers are the ones we know."""

        turnstile = Turnstile()

    if is_known("lane"):
        from tracer.proxy.lane import take

        Handler.take_lane = staticmethod(take)
    stock: Any = mode_servers.ProxyConnectionHandler
    module: Any = mode_servers
    module.ProxyConnectionHandler = Handler
    try:
        yield True
    finally:
        module.ProxyConnectionHandler = stock


@contextlib.contextmanager
def unchecked_messages() -> Iterator[None]:
    """Within the block, messages do not compare their fields with their annotations, as under `python -O`."""
    from mitmproxy import http

    if not is_known("checks") or "__post_init__" not in vars(http.MessageData):
        yield
        return
    message: Any = http.MessageData
    stock = message.__post_init__
    message.__post_init__ = _nothing
    try:
        yield
    finally:
        message.__post_init__ = stock


def _nothing(message: object) -> None:
    pass


@contextlib.contextmanager
def small_queues() -> Iterator[None]:
    """Within the block, what a new layer keeps its paused events in takes little while there are none.

    A stream goes through seven layers, and an empty deque takes 760 bytes.
    """
    from mitmproxy.proxy import layer

    module: Any = layer
    if not is_known("queues") or getattr(module, "collections", None) is not collections:
        yield
        return
    module.collections = SimpleNamespace(deque=_Queue)
    try:
        yield
    finally:
        module.collections = collections


class _Queue(list[Any]):
    """What a layer asks of a deque; it is short."""

    __slots__ = ()

    def popleft(self) -> Any:
        """The oldest."""
        return self.pop(0)


def is_known(part: str) -> bool:
    """Whether a replacement is wanted and mitmproxy's code is what it was written for."""
    return _wanted(part) and source_hash(part) in _KNOWN[part]


def source_hash(part: str) -> str | None:
    """The hash of the code that a replacement relies on; None if it moved or was installed without its source."""
    sources = []
    for module_name, name in _RELIED_ON[part]:
        try:
            module = importlib.import_module(module_name)
            sources.append(inspect.getsource(getattr(module, name)))
        except (ImportError, AttributeError, OSError, TypeError):
            return None
    return hashlib.sha256("".join(sources).encode()).hexdigest()[:16]


def _wanted(part: str) -> bool:
    named = os.environ.get(SWITCH)
    return named is None or part in named.split(",")


@contextlib.contextmanager
def calm_collector() -> Iterator[None]:
    """Within the block, what was made at start is left out of garbage collections, and they are rarer."""
    if not _wanted("collector"):
        yield
        return
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def run[T](program: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on uvloop where it is installed, in short turns where the kernel has them."""
    turns = short_turns() if _wanted("turns") else contextlib.nullcontext()
    with turns, asyncio.Runner(loop_factory=_uvloop()) as runner:
        return runner.run(program)


def _uvloop() -> Any:
    if not _wanted("uvloop"):
        return None
    try:
        module: Any = importlib.import_module("uvloop")
    except ImportError:
        return None
    _let_eager_tasks_be_named()
    return module.new_event_loop


def _let_eager_tasks_be_named() -> None:
    # uvloop hands `eager_start` to the task factory; the one of asyncio, which mitmproxy sets, takes it from
    # Python 3.13.3 on.
    stock: Any = asyncio.eager_task_factory
    known = inspect.signature(stock).parameters.values()
    if any(each.name == "eager_start" or each.kind is each.VAR_KEYWORD for each in known):
        return

    def factory(loop: Any, coro: Any, *, eager_start: bool = True, **named: Any) -> Any:
        return stock(loop, coro, **named)

    asyncio.eager_task_factory = factory
