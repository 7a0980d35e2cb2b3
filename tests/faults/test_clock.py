"""The system's clock is set back by an hour between two turns: their order stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SET_BACK = """
import os, time
real = time.time_ns
time.time_ns = lambda: real() - (3_600_000_000_000 if os.path.exists({mark!r}) else 0)
"""


async def test_a_clock_set_back_changes_neither_traffic_nor_order(
    ground: Any, wire: Any, in_proxy: Any, tmp_path: Path
) -> None:
    mark = tmp_path / "set back"
    async with ground(wire.whole_answer) as place:
        place.variables |= in_proxy(SET_BACK.format(mark=str(mark)))
        async with place.proxy() as proxy:
            assert await wire.ask(proxy.port, "first") == await wire.ask(place.port, "first")
            mark.touch()
            for name in ("second", "third"):
                assert await wire.ask(proxy.port, name) == await wire.ask(place.port, name)
            said = await proxy.stop()
        stored = place.stored()
    times = [stored[name][1].started_at_us for name in ("first", "second", "third")]
    assert times == sorted(times)
    assert times[2] - times[0] < 3_600_000_000
    assert all(exchange.ended_at_us >= 0 for _, exchange in stored.values())
    assert "the clock was set back by 36" in said
    assert said.count("\n") == 1
