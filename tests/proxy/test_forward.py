"""The forward proxy: the service's tunnels are looked into, others pass untouched, and a token is asked for."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tracer.proxy.trust import forward_variables

PATIENCE = 20


async def answers(peer: Any) -> None:
    await peer.message()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


async def tunnel(url: str, authority: str, head: bytes = b"") -> tuple[bytes, Any, Any]:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"CONNECT %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (authority.encode(), head))
    return await reader.readuntil(b"\r\n\r\n"), reader, writer


async def secure(reader: Any, writer: Any, trusted: Path) -> str:
    """Begins TLS in a tunnel; the name of the authority that vouched for the other side."""
    context = ssl.create_default_context(cafile=str(trusted))
    await writer.start_tls(context, server_hostname="127.0.0.1")
    certificate = x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    return str(certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


async def test_a_tunnel_to_the_service_is_recorded(stage: Any, wire: Any, certified: Any, tmp_path: Path) -> None:
    async with stage(answers, tls=certified, forward=True) as subject:
        port = subject.addon._routing.gemini.port
        async with asyncio.timeout(PATIENCE):
            said, reader, writer = await tunnel(subject.proxy.forward_url, f"127.0.0.1:{port}")
            assert b" 200 " in said
            variables = forward_variables(subject.proxy.forward_url, subject.proxy.authority, {})
            assert await secure(reader, writer, Path(variables["SSL_CERT_FILE"])) == "mitmproxy"
            writer.write(wire.post(b'{"model":"m","input":"Hi"}'))
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n{}")
            exchange = await subject.recordings.closed.get()
            writer.close()
    assert (exchange.origin, exchange.path) == (f"https://127.0.0.1:{port}", "/v1/interactions")
    assert exchange.request_body == b'{"model":"m","input":"Hi"}'


async def test_other_hosts_pass_with_their_own_certificate(
    stage: Any, wire: Any, certified: Any, tmp_path: Path
) -> None:
    async def serve(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    other = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certified[0])
    async with stage(answers, forward=True) as subject, other:
        port = other.sockets[0].getsockname()[1]
        async with asyncio.timeout(PATIENCE):
            said, reader, writer = await tunnel(subject.proxy.forward_url, f"127.0.0.1:{port}")
            assert b" 200 " in said
            assert await secure(reader, writer, certified[1]) == "stranger"
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 204 " in await reader.readuntil(b"\r\n\r\n")
            writer.close()
    assert subject.recordings.frames == []


@pytest.mark.parametrize(
    ("credential", "status"),
    [
        (b"", b" 407 "),
        (b"Proxy-Authorization: Bearer wrong-token\r\n", b" 407 "),
        (b"Proxy-Authorization: Basic !\r\n", b" 407 "),
        (b"Proxy-Authorization: Bearer right-token\r\n", b" 200 "),
        (b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(b"tracer:right-token"), b" 200 "),
    ],
)
async def test_a_tunnel_is_given_for_the_token_only(stage: Any, credential: bytes, status: bytes) -> None:
    async with stage(answers, forward=True, token="right-token") as subject:
        async with asyncio.timeout(PATIENCE):
            said, _, writer = await tunnel(subject.proxy.forward_url, "127.0.0.1:9", credential)
            writer.close()
    assert status in said


@pytest.mark.parametrize("path", ["/v1/interactions", "/t/wrong-token/v1/interactions", "/t/right-token"])
async def test_a_path_without_the_token_is_refused(stage: Any, wire: Any, path: str) -> None:
    async with stage(answers, token="right-token") as subject:
        async with asyncio.timeout(PATIENCE):
            _, got = await subject.ask(wire.post(b"{}", path=path))
    assert " 403 " in got.first_line
    assert subject.recordings.frames == []


async def test_the_token_goes_no_further_than_the_proxy(stage: Any, wire: Any) -> None:
    asked: list[Any] = []

    async def upstream(peer: Any) -> None:
        asked.append(await peer.message())
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with stage(upstream, token="right-token") as subject:
        async with asyncio.timeout(PATIENCE):
            _, got = await subject.ask(wire.post(b"{}", path="/t/right-token/v1/interactions"))
            exchange = await subject.recordings.closed.get()
    assert " 200 " in got.first_line
    assert b"right-token" not in asked[0].head
    assert exchange.path == "/v1/interactions"
    assert "right-token" not in repr(subject.recordings.frames)


def test_the_roots_trusted_so_far_stay(tmp_path: Path) -> None:
    authority, own, node = tmp_path / "ca.pem", tmp_path / "own.pem", tmp_path / "node.pem"
    for path, text in ((authority, b"OURS"), (own, b"COMPANY"), (tmp_path / "extra.pem", b"EXTRA")):
        path.write_bytes(text)
    environ = {"SSL_CERT_FILE": str(own), "NODE_EXTRA_CA_CERTS": str(tmp_path / "extra.pem")}
    variables = forward_variables("http://127.0.0.1:1", authority, environ)
    bundle = Path(variables["SSL_CERT_FILE"]).read_bytes()
    assert bundle.startswith(b"COMPANY")
    assert bundle.endswith(b"OURS")
    assert bundle.count(b"BEGIN CERTIFICATE") > 50
    assert Path(variables["NODE_EXTRA_CA_CERTS"]) == node
    assert node.read_bytes() == b"EXTRA\nOURS"
