"""What we replace in mitmproxy: it is replaced where its code is known, and works the same where it is not."""

from __future__ import annotations

import asyncio
import collections
import logging
import sys
from typing import Any

import pytest
from mitmproxy import addonmanager, exceptions, hooks, http

from tracer.proxy import run, tuning
from tracer.proxy.dispatch import CachedAddonManager
from tracer.testing import sse_chunks, text_stream

EVENTS = sse_chunks(text_stream("v1_a", ["Hel", "lo."]))
PATIENCE = 20


class Notes:
    """An addon that writes down which of its hooks were called."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name = name
        self._calls = calls

    def request(self, flow: http.HTTPFlow) -> None:
        self._calls.append(f"{self.name} request")


@pytest.fixture
async def master() -> Any:
    subject = run._master([], {})
    assert isinstance(subject.addons, CachedAddonManager)
    subject.addons.clear()
    return subject


def request_hook() -> Any:
    from mitmproxy.proxy.layers.http import HttpRequestHook
    from mitmproxy.test import tflow

    return HttpRequestHook(tflow.tflow())


def handler() -> Any:
    from mitmproxy.proxy import mode_servers

    return mode_servers.ProxyConnectionHandler


def test_this_mitmproxy_is_the_one_we_know() -> None:
    assert [part for part in ("dispatch", "connections", "lane", "checks", "queues") if not tuning.is_known(part)] == []


async def test_added_and_removed_addons_count_from_the_next_event_on(master: Any) -> None:
    calls: list[str] = []
    first, second = Notes("first", calls), Notes("second", calls)
    master.addons.add(first)
    await master.addons.handle_lifecycle(request_hook())
    master.addons.add(second)
    await master.addons.handle_lifecycle(request_hook())
    master.addons.remove(first)
    await master.addons.handle_lifecycle(request_hook())
    master.addons.clear()
    await master.addons.handle_lifecycle(request_hook())
    assert calls == ["first request", "first request", "second request", "second request"]


async def test_hooks_run_in_the_order_of_the_chain_and_awaitables_are_awaited(master: Any) -> None:
    calls: list[str] = []

    class Slow:
        async def request(self, flow: http.HTTPFlow) -> None:
            await asyncio.sleep(0)
            calls.append("slow request")

    class Updated:
        def update(self, flows: Any) -> None:
            calls.append("update")

    master.addons.add(Notes("first", calls), Slow(), Notes("last", calls), Updated())
    rest = master.addons.begin_lifecycle(request_hook())
    assert calls == ["first request"]
    await rest
    assert calls == ["first request", "slow request", "last request", "update"]


@pytest.mark.parametrize("halts", [True, False])
async def test_a_hook_that_fails_is_logged_and_one_that_halts_ends_the_event(
    master: Any, caplog: pytest.LogCaptureFixture, halts: bool
) -> None:
    calls: list[str] = []

    class Failing:
        def request(self, flow: http.HTTPFlow) -> None:
            raise exceptions.AddonHalt if halts else ValueError("boom")

    logging.getLogger("mitmproxy").setLevel(logging.ERROR)
    master.addons.add(Failing(), Notes("last", calls))
    await master.addons.handle_lifecycle(request_hook())
    assert calls == ([] if halts else ["last request"])
    assert [record.levelname for record in caplog.records] == ([] if halts else ["ERROR"])


async def test_options_that_are_refused_are_refused(master: Any) -> None:
    class Refusing:
        def configure(self, updated: set[str]) -> None:
            if "rawtcp" in updated:
                raise exceptions.OptionsError("no")

        async def running(self) -> None:
            raise exceptions.OptionsError("never")

    master.addons.add(Refusing())
    with pytest.raises(exceptions.OptionsError, match="no"):
        master.options.update(rawtcp=False)
    with pytest.raises(exceptions.OptionsError, match="never"):
        await master.addons.trigger_event(hooks.RunningHook())


@pytest.mark.parametrize("part", ["dispatch", "connections", "lane", "checks", "queues", "all"])
async def test_an_unknown_mitmproxy_runs_untouched_and_records_the_same(
    stage: Any, wire: Any, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    for name, known in dict(tuning._KNOWN).items():
        monkeypatch.setitem(tuning._KNOWN, name, frozenset() if part in (name, "all") else known)

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in EVENTS:
            await peer.send(wire.chunked(event))
        await peer.send(wire.chunked(b""))

    async with stage(upstream) as subject:
        from mitmproxy import ctx

        master: Any = ctx.master
        assert isinstance(master.addons, CachedAddonManager) is (part not in ("dispatch", "all"))
        assert (handler().__module__ == "mitmproxy.proxy.mode_servers") is (part in ("dispatch", "connections", "all"))
        _, got = await subject.ask(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
        exchange = await asyncio.wait_for(subject.recordings.closed.get(), PATIENCE)
    assert got.body == exchange.response_body == b"".join(EVENTS)
    assert handler().__module__ == "mitmproxy.proxy.mode_servers"


def test_a_layer_that_waits_gives_its_events_in_order_and_holds_little_while_it_has_none() -> None:
    from mitmproxy.options import Options
    from mitmproxy.proxy import layer
    from mitmproxy.proxy.context import Context
    from mitmproxy.proxy.layers import modes
    from mitmproxy.test import tflow

    with tuning.small_queues():
        waiting: Any = modes.ReverseProxy(Context(tflow.tclient_conn(), Options()))._paused_event_queue
    assert sys.getsizeof(waiting) < sys.getsizeof(collections.deque()) / 4
    for number in range(3):
        waiting.append(number)
    assert list(waiting) == [0, 1, 2]
    assert [waiting.popleft() for _ in range(3)] == [0, 1, 2]
    assert not waiting
    stock: Any = layer
    assert stock.collections is collections


async def test_a_flow_that_is_held_back_goes_on_when_it_is_resumed(stage: Any, wire: Any) -> None:
    held: asyncio.Queue[http.HTTPFlow] = asyncio.Queue()

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with stage(upstream) as subject:
        stock = subject.addon.request

        def request(flow: http.HTTPFlow) -> None:
            stock(flow)
            flow.intercept()
            held.put_nowait(flow)

        subject.addon.request = request
        client = await subject.client()
        await client.send(wire.post(b"{}"))
        flow = await asyncio.wait_for(held.get(), PATIENCE)
        flow.resume()
        async with asyncio.timeout(PATIENCE):
            assert (await client.message()).body == b"{}"


def test_code_that_moved_has_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(addonmanager, "traverse")
    assert tuning.source_hash("dispatch") is None
    assert not tuning.is_known("dispatch")


def test_the_variable_turns_parts_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tuning.SWITCH, "dispatch")
    assert tuning.is_known("dispatch")
    assert not tuning.is_known("connections")


@pytest.mark.parametrize("wanted", [True, False])
def test_the_proxy_runs_on_uvloop_unless_told_otherwise(
    stage: Any, wire: Any, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    monkeypatch.setattr(asyncio, "eager_task_factory", asyncio.eager_task_factory)
    if not wanted:
        monkeypatch.setenv(tuning.SWITCH, "dispatch,connections")

    async def upstream(peer: Any) -> None:
        await peer.message()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in EVENTS:
            await peer.send(wire.chunked(event))
        await peer.send(wire.chunked(b""))

    async def program() -> str:
        async with stage(upstream) as subject:
            _, got = await subject.ask(wire.post(b'{"model":"m","input":"Hi","stream":true}'))
            exchange = await asyncio.wait_for(subject.recordings.closed.get(), PATIENCE)
        assert got.body == exchange.response_body == b"".join(EVENTS)
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert tuning.run(program()) == ("uvloop" if wanted else "asyncio")


def test_without_uvloop_the_loop_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)

    async def program() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert tuning.run(program()) == "asyncio"
