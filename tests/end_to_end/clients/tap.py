"""Runs a command behind a relay that keeps every byte: `python tap.py FILE COMMAND...`.

The relay stands between the command and the address in its `GOOGLE_GEMINI_BASE_URL`. FILE gets a line of JSON for each
piece of bytes, in the order in which they crossed: the connection, who sent it ("client" or "server") and the bytes in
base64; null for bytes when that side ended.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)


class Tap:
    """Passes bytes on as they come, ends and resets too."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._connections = 0
        self.crossed: list[tuple[int, str, bytes | None]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has come."""
        self._connections += 1
        number = self._connections
        there, upstream = await asyncio.open_connection(*self._address)
        await asyncio.gather(
            self._pass_on(number, "client", reader, upstream), self._pass_on(number, "server", there, writer)
        )
        for end in (writer, upstream):
            end.close()

    async def _pass_on(
        self, number: int, side: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while piece := await reader.read(65536):
                self.crossed.append((number, side, piece))
                writer.write(piece)
                await writer.drain()
            self.crossed.append((number, side, None))
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            self.crossed.append((number, side, None))
            connection = writer.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


async def run(command: list[str]) -> tuple[int, list[tuple[int, str, bytes | None]]]:
    """The command's exit code, and what crossed."""
    address = urlsplit(os.environ["GOOGLE_GEMINI_BASE_URL"])
    tap = Tap(str(address.hostname), int(address.port or 80))
    server = await asyncio.start_server(tap.connected, "127.0.0.1", 0)
    own = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    environment = {name: value.replace(address.netloc, own) for name, value in os.environ.items()}
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    code = await process.wait()
    server.close()
    return code, tap.crossed


def main(file: Path, command: list[str]) -> int:
    """The command's exit code; what crossed is in the file then."""
    code, crossed = asyncio.run(run(command))
    lines: list[dict[str, Any]] = [
        {"connection": number, "from": side, "bytes": None if piece is None else base64.b64encode(piece).decode()}
        for number, side, piece in crossed
    ]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
