"""Certificates for servers of tests, from mitmproxy's own tools."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization as form
from mitmproxy.certs import CertStore


def certified(folder: Path, *hosts: str) -> tuple[ssl.SSLContext, Path]:
    """The context of a server that is any of these hosts or 127.0.0.1, and the file of the authority behind it."""
    store = CertStore.from_store(folder / "upstream", "stranger", 2048)
    names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, hosts)]
    entry = store.get_cert("127.0.0.1", names)
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(entry.cert.to_pem())
    key.write_bytes(
        entry.privatekey.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, folder / "upstream" / "stranger-ca-cert.pem"
