"""An upstream behind TLS: trusted as the SDKs are told to trust, refused otherwise."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tracer.wire.exchange import Outcome


def self_signed(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server for 127.0.0.1 and the file of the one authority that vouches for it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, private = folder / f"{name}.pem", folder / f"{name}.key"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context, authority


async def answers(peer: Any) -> None:
    await peer.message()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


async def test_a_trusted_upstream_is_asked_in_http_1_1(stage: Any, wire: Any, tmp_path: Path) -> None:
    async with stage(answers, tls=self_signed(tmp_path, "one")) as subject:
        _, got = await subject.ask(wire.post(b"{}"))
        exchange = await asyncio.wait_for(subject.recordings.closed.get(), 20)
    assert got.body == b"{}"
    assert exchange.origin.startswith("https://127.0.0.1:")
    assert exchange.outcome is Outcome.COMPLETE


async def test_a_stranger_is_refused_with_a_sentence(stage: Any, wire: Any, tmp_path: Path) -> None:
    context, _ = self_signed(tmp_path, "one")
    _, another = self_signed(tmp_path, "two")
    async with stage(answers, tls=(context, another)) as subject:
        _, got = await subject.ask(wire.post(b"{}"))
        exchange = await asyncio.wait_for(subject.recordings.closed.get(), 20)
    assert got.first_line == "HTTP/1.1 502 Bad Gateway"
    assert exchange.outcome is Outcome.FAILED
    assert "erti" in (exchange.error or "")
    assert len(subject.said) == 1
