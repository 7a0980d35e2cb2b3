"""Replay against vcrpy (and cassetter, where it is installed): ratios, measured in turns in one process.

    python benchmarks/replay.py [--large] [--rounds N]

Prints one JSON line a figure: ours and theirs in milliseconds (medians), and the ratio. `--large` adds the cassette of
5,000 interactions and 70 MB, which vcrpy alone takes about a minute to write and to read.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import vcr
from vcr import matchers

import tracer
from tracer.cassettes import files
from tracer.cassettes.index import cache_folder
from tracer.testing import answer, exchange, sse_chunks, text_stream
from tracer.wire.exchange import Exchange

URL = "https://generativelanguage.googleapis.com/v1/interactions"


def recordings(count: int, size: int) -> list[Exchange]:
    """Streams of about `size` bytes, each the answer to a prompt of its own."""
    pieces = ["word " * 8] * max(1, size // 150)
    return [
        exchange(
            {"model": "gemini-3.5-flash", "input": f"prompt {n}", "stream": True},
            text_stream(f"v1_{n}", pieces),
            at_us=1_795_338_000_000_000 + n,
            key=f"{n:032x}",
        )
        for n in range(count)
    ]


def unary(count: int) -> list[Exchange]:
    """Short JSON answers, each to a prompt of its own."""
    made = [(f"prompt {n}", answer(f"v1_{n}", text="Hi"), f"{n:032x}") for n in range(count)]
    return [
        replace(exchange({}, told, key=key), request_body=as_sent({"model": "gemini-3.5-flash", "input": prompt}))
        for prompt, told, key in made
    ]


def as_sent(body: object) -> bytes:
    """JSON as httpx2 sends it: a recording holds the same bytes as the request that is replayed."""
    return httpx2.Request("POST", URL, json=body).content


def ask(client: httpx2.Client, n: int, **more: object) -> None:
    """Send the request of a recording."""
    response = client.post(URL, json={"model": "gemini-3.5-flash", "input": f"prompt {n}", **more})
    if response.status_code != 200:
        raise SystemExit(response.text)


def elapsed(work: Callable[[], object]) -> float:
    """How long it takes, in milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def say(**line: object) -> None:
    """One figure."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def told(figure: str, ours: list[float], theirs: list[float], peer: str) -> None:
    """Two medians and their ratio."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    say(figure=figure, peer=peer, ours_ms=round(mine, 3), theirs_ms=round(other, 3), ratio=round(mine / other, 4))


@contextmanager
def vcrpy(path: Path) -> Iterator[object]:
    """A cassette played by vcrpy."""
    with vcr.use_cassette(str(path), record_mode="none", match_on=["method", "uri", "body"]) as cassette:
        yield cassette


def peers() -> dict[str, Callable[[Path], AbstractContextManager[object]]]:
    """Who is installed, and how it plays a cassette."""
    known: dict[str, Callable[[Path], AbstractContextManager[object]]] = {"vcrpy": vcrpy}
    if importlib.util.find_spec("cassetter") is not None:
        import cassetter

        by = ["method", "uri", "json_body"]
        known["cassetter"] = lambda path: cassetter.use_cassette(str(path), record_mode="none", match_on=by)
    return known


def fixture(folder: Path, rounds: int) -> None:
    """Set-up and tear-down around a test that makes no call, with a small cassette."""
    path = folder / "small.yaml"
    files.update(path, lambda _: recordings(5, 2000))
    for peer, use in peers().items():
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(rounds):
            ours.append(elapsed(lambda: _around(tracer.replay(path))))
            theirs.append(elapsed(lambda use=use: _around(use(path))))
        told("fixture, 5 recordings", ours, theirs, peer)


def _around(manager: AbstractContextManager[object]) -> None:
    with manager:
        pass


def requests(folder: Path, rounds: int) -> None:
    """One replayed request, of 200 in the cassette."""
    path = folder / "many.yaml"
    files.update(path, lambda _: unary(200))
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=answer("v1_a", text="Hi")))
    for peer, use in peers().items():
        ours: list[float] = []
        theirs: list[float] = []
        bare: list[float] = []
        for _ in range(max(1, rounds // 20)):
            with httpx2.Client() as client:
                with tracer.replay(path):
                    ours += [elapsed(lambda n=n: ask(client, n)) for n in range(200)]
                with use(path):
                    theirs += [elapsed(lambda n=n: ask(client, n)) for n in range(200)]
            with httpx2.Client(transport=transport) as client:
                bare += [elapsed(lambda n=n: ask(client, n)) for n in range(200)]
        told("replayed request", ours, theirs, peer)
        told("replayed request", ours, bare, "mock_transport")


def large(folder: Path) -> None:
    """A cassette of 5,000 interactions and 70 MB."""
    path = folder / "large.yaml"
    files.update(path, lambda _: recordings(5000, 13_000))
    os.utime(path, (1, 1))
    say(figure="size", megabytes=round(path.stat().st_size / 1e6, 1))
    with httpx2.Client() as client:

        def first() -> None:
            with tracer.replay(path):
                ask(client, 4999, stream=True)

        cold = elapsed(first)
        say(figure="first answer, no cache yet", ours_ms=round(cold, 1))
        warm = [elapsed(first) for _ in range(5)]
        with tracer.replay(path):
            last = [elapsed(lambda n=n: ask(client, n, stream=True)) for n in range(4990, 5000)]
        held: list[object] = []
        load = elapsed(
            lambda: held.append(
                vcr.cassette.Cassette.load(path=str(path), match_on=[matchers.method, matchers.uri, matchers.body])
            )
        )
        told("first answer of 5,000, from the second run on, to vcrpy's load", warm, [load], "vcrpy")
        request = vcr.request.Request(
            "POST", URL, b'{"model":"gemini-3.5-flash","input":"prompt 4999","stream":true}', {}
        )
        found = [elapsed(lambda: held[0].can_play_response_for(request)) for _ in range(3)]  # type: ignore[attr-defined]
        told("answer of the last of 5,000, to vcrpy's lookup", last, found, "vcrpy")


def pacing(folder: Path) -> None:
    """How far chunks at speed 1 are from their recorded times."""
    path = folder / "paced.yaml"
    files.update(path, lambda _: recordings(1, 9000))
    recorded = [chunk.at_us / 1000 for chunk in files.load(path)[0].chunks]
    arrived: list[float] = []
    with tracer.replay(path, speed=1), httpx2.Client() as client:
        start = time.perf_counter()
        body = {"model": "gemini-3.5-flash", "input": "prompt 0", "stream": True}
        with client.stream("POST", URL, json=body) as response:
            arrived += [(time.perf_counter() - start) * 1000 for _ in response.iter_raw()]
    off = sorted(abs(a - b) for a, b in zip(arrived, recorded, strict=True))
    say(figure="chunk times at speed 1", p95_off_ms=round(off[int(len(off) * 0.95)], 2))


class _Slow(BaseHTTPRequestHandler):
    """Streams events 50 ms apart."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Every request gets the same events."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        # The app leaves after the first event.
        with suppress(OSError):
            for piece in sse_chunks(text_stream("v1_s", ["word "] * 6)):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                time.sleep(0.05)
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


def first_event(folder: Path, rounds: int) -> None:
    """How long an app waits for a stream's first event: directly, while we record it, and while vcrpy does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server, httpx2.Client() as client:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        os.environ["GOOGLE_GEMINI_BASE_URL"] = base

        def wait() -> None:
            body = {"model": "gemini-3.5-flash", "input": "Hi", "stream": True}
            start = time.perf_counter()
            with client.stream("POST", f"{base}/v1/interactions", json=body) as response:
                next(response.iter_raw())
                waited.append((time.perf_counter() - start) * 1000)

        times: dict[str, list[float]] = {"direct": [], "ours": [], "vcrpy": []}
        for n in range(max(5, rounds // 6)):
            ways: dict[str, AbstractContextManager[object]] = {
                "direct": nullcontext(),
                "ours": tracer.record(folder / f"ours{n}.yaml"),
                "vcrpy": vcr.use_cassette(str(folder / f"vcrpy{n}.yaml")),
            }
            for way, manager in ways.items():
                waited: list[float] = []
                with manager:
                    wait()
                times[way] += waited
        del os.environ["GOOGLE_GEMINI_BASE_URL"]
        server.shutdown()
    medians = {way: statistics.median(found) for way, found in times.items()}
    say(
        figure="first event while recording",
        direct_ms=round(medians["direct"], 2),
        ours_ms=round(medians["ours"], 2),
        vcrpy_ms=round(medians["vcrpy"], 2),
        more_ms=round(medians["ours"] - medians["direct"], 2),
    )


def background(folder: Path, rounds: int) -> None:
    """The published guide's background example, `time.sleep(10)` between its polls included, by the official SDK."""
    from google import genai

    path = folder / "research.yaml"
    asked = {"agent": "deep-research-pro-preview-12-2025", "input": "Research quantum computing advances"}
    running = answer("v1_job", status="in_progress", usage=None)
    polled = [answer("v1_job", status="in_progress", usage=None)] * 3 + [answer("v1_job", text="Done.")]
    at = 1_795_338_000_000_000
    job = [exchange({**asked, "background": True}, running, at_us=at)]
    job += [
        exchange(None, one, path="/v1/interactions/v1_job", at_us=at + 10_000_000 * n, key=f"{n:032x}")
        for n, one in enumerate(polled, 1)
    ]
    files.update(path, lambda _: job)

    client = genai.Client(api_key="none")

    def research() -> None:
        interaction = client.interactions.create(**asked, background=True)
        while True:
            status = client.interactions.get(interaction.id)
            if status.status == "completed":
                break
            time.sleep(10)

    def replayed() -> None:
        with tracer.replay(path):
            research()

    replayed()
    say(
        figure="the guide's background example",
        ours_ms=round(statistics.median(elapsed(replayed) for _ in range(max(5, rounds // 10))), 1),
    )


def start_of_pytest(rounds: int) -> None:
    """What the installed, unused plugin adds to the start of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing(): pass\n")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        with_it: list[float] = []
        without: list[float] = []
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        plugin = {**environment, "PYTEST_PLUGINS": "interactions_tracer_plugin"}
        for _ in range(max(3, rounds // 10)):
            for env, into in ((plugin, with_it), (environment, without)):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run(command, cwd=folder, env=env, capture_output=True, check=True)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                into.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
        more = statistics.median(with_it) - statistics.median(without)
        say(figure="start of pytest, unused plugin", more_cpu_ms=round(more, 1))


def main() -> None:
    """Everything, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["TRACER_HOME"] = str(folder / "home")
        assert cache_folder().is_relative_to(folder)
        fixture(folder, arguments.rounds)
        requests(folder, arguments.rounds)
        pacing(folder)
        first_event(folder, arguments.rounds)
        background(folder, arguments.rounds)
        start_of_pytest(arguments.rounds)
        if arguments.large:
            large(folder)


if __name__ == "__main__":
    main()
