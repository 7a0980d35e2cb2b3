"""The tools whose calls and results are steps, of the types `<tool>_call` and `<tool>_result` (WIRE.md section 7)."""

from __future__ import annotations

TOOLS = (
    "function",
    "code_execution",
    "url_context",
    "google_search",
    "google_maps",
    "file_search",
    "mcp_server_tool",
    "retrieval",
    "processing",
    "tool_search",
)
