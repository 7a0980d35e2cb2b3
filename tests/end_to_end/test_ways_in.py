"""Unchanged SDKs of two languages by every way in: reverse, with a token from elsewhere, forward behind a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from loopback_tls import certified

HOST = "generativelanguage.googleapis.com"
CLIENTS = Path(__file__).parent / "clients"
TOKEN = "a-token-of-this-test"
PYTHON_APP = """
import sys
from google import genai
client = genai.Client(api_key="k-of-this-test")
made = client.interactions.create(model="gemini-2.5-flash", input=sys.argv[1])
events = list(client.interactions.create(model="gemini-2.5-flash", input=sys.argv[1], stream=True))
print(made.id, len(events) > 3)
"""
NODE_APP = """
import { GoogleGenAI } from '@google/genai';
const api = new GoogleGenAI({ apiKey: 'k-of-this-test' }).interactions;
const made = await api.create({ model: 'gemini-2.5-flash', input: process.argv[2] });
let events = 0;
for await (const _ of await api.create({ model: 'gemini-2.5-flash', input: process.argv[2], stream: true })) events++;
console.log(made.id, events > 3 ? 'True' : 'False');
"""

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300), pytest.mark.xdist_group("3.4.0")]


@dataclass
class Internet:
    """The emulator under Google's name behind TLS, and the company's proxy, the only way to it."""

    folder: Path
    emulator: str
    authority: Path
    corporate: int = 0
    tunnels: list[bytes] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "TRACER_HOME": str(self.folder / "home"),
            "TRACER_DB": str(self.folder / "t.db"), "TRACER_PROJECT": "ways-in", "SSL_CERT_FILE": str(self.authority),
            "HTTPS_PROXY": f"http://127.0.0.1:{self.corporate}",
        }  # fmt: skip

    def records(self) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "tracer", "list", "--json"]
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


async def started(*command: str, **options: Any) -> Any:
    return await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options
    )


async def ended(process: Any) -> str:
    if process.returncode is None:
        process.terminate()
    _, said = await process.communicate()
    return str(said.decode())


async def output(*command: str, **options: Any) -> tuple[str, str]:
    process = await started(*command, **options)
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return out.decode(), said.decode()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def joined(reader: Any, writer: Any, port: int) -> None:
    there = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))


@pytest.fixture
async def internet(tmp_path: Path) -> AsyncIterator[Internet]:
    context, authority = certified(tmp_path, HOST)
    emulator = await started(
        sys.executable, "-m", "tracer", "emulate", "--listen", "127.0.0.1:0", "--json", cwd=tmp_path,
        env={**os.environ, "TRACER_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    subject = Internet(tmp_path, json.loads(await emulator.stdout.readline())["url"], authority)

    async def google(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await joined(reader, writer, int(subject.emulator.rpartition(":")[2]))

    async def corporate(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        subject.tunnels.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await joined(reader, writer, service.sockets[0].getsockname()[1])

    service = await asyncio.start_server(google, "127.0.0.1", 0, ssl=context)
    company = await asyncio.start_server(corporate, "127.0.0.1", 0)
    subject.corporate = company.sockets[0].getsockname()[1]
    async with service, company:
        yield subject
    await ended(emulator)


@asynccontextmanager
async def recording(internet: Internet, *arguments: str) -> AsyncIterator[dict[str, Any]]:
    process = await started(
        sys.executable, "-m", "tracer", "proxy", "--json", *arguments, cwd=internet.folder, env=internet.environment
    )
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        assert await ended(process) == ""


@pytest.fixture
def python_app(tmp_path: Path, sdk_python: Callable[[str], Path]) -> list[str]:
    (tmp_path / "app.py").write_text(PYTHON_APP)
    return [str(sdk_python("3.4.0")), str(tmp_path / "app.py")]


@pytest.fixture
def node_app() -> list[str]:
    code = (
        "import environments, json, rows\n"
        "try:\n    print(json.dumps(environments.command(rows.ROWS['@google/genai 3.1.0'], 120)))\n"
        "except environments.Missing as missing:\n    print(json.dumps(str(missing)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CLIENTS, capture_output=True, text=True, check=True)
    command = json.loads(done.stdout)
    if isinstance(command, str):
        pytest.skip(command)
    # A module finds its packages beside itself.
    program = Path(command[1]).with_name("ways_in.mjs")
    program.write_text(NODE_APP)
    return [command[0], str(program)]


def ids(records: list[dict[str, Any]], said: str) -> set[str]:
    return {record["id"] for record in records if record["input"][0]["content"][0]["text"] == said}


async def test_run_forward_leads_an_unchanged_app_through_the_company_proxy(
    internet: Internet, python_app: list[str]
) -> None:
    command = [sys.executable, "-m", "tracer", "run", "--forward", "--", *python_app, "by run"]
    out, said = await output(*command, cwd=internet.folder, env=internet.environment)
    records = internet.records()
    made, streamed = out.split()
    assert streamed == "True"
    assert len(ids(records, "by run")) == 2
    assert made in ids(records, "by run")
    assert {record["upstream"] for record in records} == {f"https://{HOST}"}
    assert "set for the command: HTTPS_PROXY https_proxy SSL_CERT_FILE" in said
    assert {head.split(b"\r\n")[0] for head in internet.tunnels} == {f"CONNECT {HOST}:443 HTTP/1.1".encode()}


async def test_forward_and_reverse_at_once_in_two_languages(
    internet: Internet, python_app: list[str], node_app: list[str]
) -> None:
    async with recording(internet, "--listen", "127.0.0.1:0", "--forward-listen", "127.0.0.1:0") as ready:
        reverse = {"PATH": os.environ["PATH"], "GOOGLE_GEMINI_BASE_URL": ready["url"]}
        forward = {"PATH": os.environ["PATH"], **ready["forward_variables"]}
        ways = {"reverse": reverse, "forward": forward}
        said: dict[str, str] = {}
        for way, environment in ways.items():
            for language, app in (("python", python_app), ("node", node_app)):
                out, _ = await output(*app, f"{language} {way}", cwd=internet.folder, env=environment)
                said[f"{language} {way}"] = out
    records = internet.records()
    assert {out.split()[1] for out in said.values()} == {"True"}
    for name, out in said.items():
        assert out.split()[0] in ids(records, name)
        assert len(ids(records, name)) == 2
    assert {record["run"] for record in records} == {ready["run"]}
    assert {record["client"]["name"] for record in records} == {"google-genai-sdk"}


async def test_from_another_machine_an_unchanged_sdk_works_with_the_token(
    internet: Internet, python_app: list[str], node_app: list[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system only says from which address it would be.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    async with recording(internet, "--listen", "0.0.0.0:0", "--token", TOKEN) as ready:
        port = ready["url"].rpartition(":")[2]
        environment = {
            "PATH": os.environ["PATH"], "GOOGLE_GEMINI_BASE_URL": f"http://{address}:{port}/t/{TOKEN}",
        }  # fmt: skip
        for language, app in (("python", python_app), ("node", node_app)):
            out, _ = await output(*app, f"{language} token", cwd=internet.folder, env=environment)
            assert out.split()[1] == "True"
    records = internet.records()
    assert [len(ids(records, f"{language} token")) for language in ("python", "node")] == [2, 2]
    files = [path for path in internet.folder.rglob("*") if path.is_file()]
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []
