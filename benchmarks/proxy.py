"""What a proxy costs: direct, nginx, a bare mitmdump that streams, LiteLLM, ours, interleaved in one run on loopback.

    python benchmarks/proxy.py [--rounds 5] [--streams 300] [--many 2000] [--only unary,load,sse,many,start]

Every figure is also given as a ratio to the bare mitmdump's of the same run: a busy machine moves both. nginx takes
part if it is installed; LiteLLM, in unary, load and sse, if a Python with litellm[proxy] is found: the one that runs
this, that of the `litellm` on the PATH, that of the tests' own clients, or the one named with --litellm. Who can't take
part is named below the table, with the reason. Needs the proxy extra.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import loads
from variants import ALL_PARTS, TICKS, Variant, Way, free_port, running, ways


def unary(variant: Variant, count: int) -> None:
    """One connection, one request after the other."""
    count //= variant.share
    before = list[float]()
    median = loads.one_by_one(variant.port, count, warm=lambda: before.append(variant.cpu()))
    variant.add("unary p50 us", median * 1e6)
    variant.add("unary cpu us", (variant.cpu() - before[0]) / count * 1e6)


def load(variant: Variant, connections: int, count: int) -> None:
    """As many requests as go through at once."""
    count //= variant.share
    before = variant.cpu()
    took = asyncio.run(loads.at_once(variant.port, connections, count))
    variant.add(f"c={connections} req/s", count / took)
    # What one core would do: independent of what else the machine is doing.
    variant.add(f"c={connections} req/cpu s", count / max(variant.cpu() - before, 1 / TICKS))


async def streams(variant: Variant, label: str, number: int, events: int, gap_ms: int) -> None:
    """Many streams at once; each event says when it was sent."""
    before, memory, peak = variant.cpu(), variant.resident(), 0

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, variant.resident())
            await asyncio.sleep(0.2)

    watching = asyncio.create_task(watch())
    late, whole = await loads.listen(variant.port, number, events, gap_ms)
    watching.cancel()
    ordered = sorted(late)
    variant.add(f"{label} p50 us", statistics.median(ordered) / 1e3)
    variant.add(f"{label} p99 ms", ordered[int(len(ordered) * 0.99)] / 1e6)
    variant.add(f"{label} cpu us/event", (variant.cpu() - before) / len(late) * 1e6)
    variant.add(f"{label} complete %", whole / number * len(late) / (number * events) * 100)
    variant.add(f"{label} KB/stream", max(peak - memory, 0) / number)


def measure(variants: Sequence[Variant], options: argparse.Namespace) -> None:
    """All variants in turn, as often as asked."""
    parts: dict[str, tuple[int, Callable[[Variant], None]]] = {
        "unary": (options.requests, lambda variant: unary(variant, options.requests)),
        "load": (options.requests, lambda variant: load(variant, 16, options.requests)),
        # 300 streams, 85 ms apart: about 3,500 events a second.
        "sse": (options.streams * 40, lambda variant: asyncio.run(streams(variant, "sse", options.streams, 40, 85))),
    }
    for number in range(options.rounds):
        # Each round begins with another one, so that none always runs after the same neighbour.
        for variant in [*variants[number % len(variants) :], *variants[: number % len(variants)]]:
            for part, (events, run) in parts.items():
                if part in options.only.split(",") and part in variant.parts:
                    before = variant.children()
                    run(variant)
                    variant.settle()
                    variant.add(f"{part} cpu us, ingester", (variant.children() - before) / events * 1e6)
    for variant in variants:
        if "many" in options.only.split(",") and "many" in variant.parts:
            # What a process loads for its first streams is not what each of them costs.
            asyncio.run(loads.listen(variant.port, 50, 3, 10))
            asyncio.run(streams(variant, "many", options.many, 8, 1500))
        if options.soak and "soak" in variant.parts:
            load(variant, 16, 5_000)
            before = variant.resident()
            for done in range(options.soak // 4, options.soak + 1, options.soak // 4):
                load(variant, 16, options.soak // 4)
                variant.add(f"KB more after {done}", variant.resident() - before)


def table(variants: Sequence[Variant]) -> str:
    """Medians; in brackets the ratio to the bare mitmdump, of latencies after the direct way is taken off."""
    base = next(variant for variant in variants if variant.name == "mitmdump")
    direct = variants[0]
    lines = [f"{'':<24}" + "".join(f"{variant.name:>20}" for variant in variants)]
    for figure in base.samples:
        line = f"{figure:<24}"
        for variant in variants:
            if figure not in variant.samples:
                line += f"{'':>20}"
                continue
            value = statistics.median(variant.samples[figure])
            added = direct if " p50" in figure or " p99" in figure else None
            ratio = statistics.median(_ratio(*pair) for pair in _paired(variant, base, added, figure))
            shown = "" if variant is direct or "complete" in figure else f" [{ratio:.2f}]"
            line += f"{value:>11.1f}{shown:>9}"
        lines.append(line)
    return "\n".join(lines)


def _paired(variant: Variant, base: Variant, direct: Variant | None, figure: str) -> Iterator[tuple[float, float]]:
    zero = direct.samples[figure] if direct else [0.0] * len(base.samples[figure])
    for own, other, off in zip(variant.samples[figure], base.samples[figure], zero, strict=False):
        yield own - off, other - off


def _ratio(own: float, other: float) -> float:
    return own / other if other else float("nan")


def main() -> int:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1_600, help="requests a round, one by one and 16 at once")
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--many", type=int, default=2_000)
    parser.add_argument("--soak", type=int, default=0, metavar="N", help="watch memory over N more requests")
    parser.add_argument("--only", default="unary,load,sse,many,start")
    parser.add_argument("--parts", action="append", default=[], help="one more variant of ours with this tuning only")
    parser.add_argument("--litellm", metavar="PYTHON", help="the Python of an environment with litellm[proxy]")
    parser.add_argument("--stub", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stub:
        asyncio.run(loads.serve(options.stub))
        return 0
    # A benchmark that is ended leaves no processes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder, upstream = Path(name), free_port()
        os.environ |= {"TRACER_HOME": name, "TRACER_PROJECT": "bench"}
        stub, _ = stack.enter_context(running([sys.executable, __file__, "--stub", str(upstream)], upstream))
        variants = [Variant("direct", upstream, [stub.pid])]
        absent: list[str] = []
        for way in ways(folder, upstream, parts=options.parts, litellm=options.litellm):
            missing = way.absent or _not_asked(way, options)
            if missing:
                absent.append(f"{way.name} took no part: {missing}\n")
            else:
                variants.append(_started(way, stack, starts=3 if "start" in options.only else 0))
        for _ in variants[1].samples["ready s"]:
            variants[0].add("ready s", 0.0)
        measure(variants, options)
        sys.stdout.write(table(variants) + "\n" + "".join(absent))
    return 0


def _not_asked(way: Way, options: argparse.Namespace) -> str:
    asked = {*options.only.split(","), *(["soak"] if options.soak else [])}
    return "" if way.parts == ALL_PARTS or asked.intersection(way.parts) else f"only in {', '.join(way.parts)}"


def _started(way: Way, stack: contextlib.ExitStack, *, starts: int) -> Variant:
    assert way.command is not None
    variant = Variant(way.name, 0, share=way.share, parts=way.parts)
    for _ in range(starts if "start" in way.parts else 0):
        port = free_port()
        with running(way.command(port), port) as (_, took):
            variant.add("ready s", took)
    variant.port = free_port()
    process, took = stack.enter_context(running(way.command(variant.port), variant.port))
    variant.pids = [process.pid]
    variant.add("ready s", took)
    return variant


if __name__ == "__main__":
    sys.exit(main())
