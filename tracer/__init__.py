"""See, record and replay what happens on Google's Gemini Interactions API.

Importing the package costs nothing: every room is imported by whoever needs it.

with tracer.record("chat.interactions.yaml"):  # calls go to the service and into the cassette
    run_my_agent()
with tracer.replay("chat.interactions.yaml"):  # calls are answered from it
    run_my_agent()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.serve.blocks import record, replay

__version__ = "0.1.0"
__all__ = ["__version__", "record", "replay"]


def __getattr__(name: str) -> Any:
    if name in ("record", "replay"):
        import importlib

        return getattr(importlib.import_module("tracer.serve.blocks"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
