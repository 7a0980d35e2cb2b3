"""Recorded ids in a reply become the ids that the app is to be given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tracer.player.reply import Reply, ReplyChunk


def reissued(reply: Reply, pairs: Sequence[tuple[str, str]]) -> Reply:
    """The reply with each `(recorded, issued)` id replaced where it stands as a JSON string.

    An id may lie across a chunk's end; it then goes with the chunk in which it began.
    """
    if not pairs:
        return reply
    issued = {_quoted(old): _quoted(new) for old, new in pairs}
    pattern = re.compile(b"|".join(re.escape(old) for old in sorted(issued, key=len, reverse=True)))
    body = reply.body
    chunks: list[ReplyChunk] = []
    start = end = 0
    for chunk in reply.chunks:
        end += len(chunk.data)
        stop = max(start, end)
        for found in pattern.finditer(body, start):
            if found.start() >= stop:
                break
            stop = max(stop, found.end())
        data = pattern.sub(lambda found: issued[found[0]], body[start:stop])
        chunks.append(replace(chunk, data=data))
        start = stop
    return replace(reply, chunks=tuple(chunk for chunk in chunks if chunk.data))


def _quoted(text: str) -> bytes:
    return b'"' + text.encode() + b'"'
