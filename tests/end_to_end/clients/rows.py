"""The clients of the matrix: what each needs, how it is started, and which ways of calling it does not have."""

from __future__ import annotations

from dataclasses import dataclass, field

WAYS = (
    "plain", "stream", "two turns", "fork", "tool loop", "background", "get", "cancel", "delete", "resume",
    "400", "404", "429", "cut",
)  # fmt: skip
"""What is tried with every client."""
PASSES = ("plain", "stream")
"""What is tried with clients of generateContent, which must pass through unrecorded."""


@dataclass(frozen=True)
class Row:
    """A client: its packages with versions, its program with arguments, and the ways it has no words for."""

    name: str
    program: str
    arguments: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    cannot: dict[str, str] = field(default_factory=dict)
    ways: tuple[str, ...] = WAYS
    attempts: int | None = None
    """How often it asks when the answer is 429 twice; None where it does not ask again."""
    resuming: tuple[str, ...] = ("resume",)
    """What it asks to go on with a stream."""
    unknown: frozenset[str] = frozenset()
    """What it sends that no table of the API has; its records count it."""

    @property
    def packages(self) -> tuple[str, ...]:
        """What is installed for it."""
        return self.python or self.node


_NO_CALL = "it has no such call"
_NO_LIFE = dict.fromkeys(("get", "cancel", "delete", "resume"), _NO_CALL)


def _rows() -> list[Row]:
    rows = []
    for version in ("1.55.0", "1.75.0", "2.34.0", "3.4.0"):
        for way in ("sync", "async"):
            sdk = (f"google-genai=={version}",)
            rows.append(Row(f"google-genai {version} {way}", "python_sdk.py", (way,), python=sdk, attempts=3))
    rows += [
        Row(f"@google/genai {version}", "node_sdk.mjs", node=(f"@google/genai@{version}",), attempts=3)
        for version in ("1.50.0", "2.32.0")
    ]
    rows += [
        # It needs Node 22 or newer.
        Row("@google/genai 3.1.0", "node_sdk.mjs", node=("@google/genai@3.1.0", "node@22.23.3"), attempts=3),
        Row("curl", "plain_http.py", ("curl",)),
        Row("httpx 0.28.1", "plain_http.py", ("httpx",), python=("httpx==0.28.1",)),
        Row("aiohttp 3.14.3", "plain_http.py", ("aiohttp",), python=("aiohttp==3.14.3",)),
        Row("litellm 1.106.2", "litellm_client.py", python=("litellm==1.106.2",), cannot={"resume": _NO_CALL}),
        Row(
            "@ai-sdk/google 3.0.141", "ai_sdk.mjs", node=("@ai-sdk/google@3.0.141", "ai@6.0.326", "zod@4.1.12"),
            cannot=dict.fromkeys(("get", "delete"), _NO_CALL), attempts=3, resuming=("resume", "resume"),
            unknown=frozenset({"request.input[].content[type=function_result]"}),
        ),
        Row(
            "google-adk 2.13.0", "adk_client.py", python=("google-adk==2.13.0",), cannot=_NO_LIFE, attempts=3,
        ),
        Row(
            "agno 3.1.10", "agno_client.py", python=("agno==3.1.10", "google-genai==2.34.0"), attempts=3,
            cannot=dict.fromkeys(("get", "cancel", "delete"), _NO_CALL), resuming=("get", "resume"),
        ),
        Row(
            "langchain-google-genai 4.4.2", "passing.py", ("langchain",), ways=PASSES,
            python=("langchain-google-genai==4.4.2",),
        ),
        Row(
            "pydantic-ai-slim 2.68.0", "passing.py", ("pydantic_ai",), ways=PASSES,
            python=("pydantic-ai-slim[google]==2.68.0",),
        ),
    ]  # fmt: skip
    return rows


ROWS = {row.name: row for row in _rows()}
