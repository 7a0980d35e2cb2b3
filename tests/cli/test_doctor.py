"""`tracer doctor` finds what is planted and is content with the rest."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tracer.store.schema import open_for_writing


def doctor(folder: Path, *arguments: str, **variables: str) -> tuple[int, list[dict[str, Any]]]:
    environment = {"PATH": os.environ["PATH"], "TRACER_HOME": str(folder / "home"), **variables}
    command = [sys.executable, "-P", "-m", "tracer", "doctor", "--json", "--db", str(folder / "t.db"), *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def about(findings: list[dict[str, Any]], name: str) -> list[tuple[str, str]]:
    return [(each["verdict"], each["text"]) for each in findings if each["about"] == name]


def test_a_new_place_is_fine_and_stays_as_it_is(tmp_path: Path) -> None:
    code, findings = doctor(tmp_path)
    assert code == 0, findings
    assert {each["verdict"] for each in findings} <= {"ok", "note"}
    assert any("google-genai" in text for _, text in about(findings, "sdk"))
    assert list(tmp_path.iterdir()) == []


def test_a_sound_database_and_left_overs(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "t.db").close()
    (tmp_path / "t.db.journal").mkdir()
    (tmp_path / "t.db.journal" / "0192.0001.seg").write_bytes(b"TRCRJRNL")
    code, findings = doctor(tmp_path)
    assert code == 0
    assert "is sound" in about(findings, "database")[0][1]
    assert about(findings, "journal")[0][1].startswith("1 sets wait")


def test_a_damaged_database_is_bad(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "t.db").close()
    whole = (tmp_path / "t.db").read_bytes()
    (tmp_path / "t.db").write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    code, findings = doctor(tmp_path)
    assert code == 1
    assert about(findings, "database")[0][0] == "bad"


def test_a_file_that_hides_our_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "tracer.py").touch()
    code, findings = doctor(tmp_path)
    assert code == 1
    assert about(findings, "modules") == [
        ("bad", f"{str(tmp_path / 'tracer.py')!r} hides our package for programs started there: rename it")
    ]


def test_a_taken_port_and_variables_that_lead_elsewhere(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        proxy = "http://me:secret-password@proxy:3128"
        gateway = "http://me:secret-password@gateway"
        code, findings = doctor(tmp_path, "--port", str(port), HTTPS_PROXY=proxy, GEMINI_API_BASE=gateway)
    assert code == 0
    assert about(findings, "port")[0][0] == "note"
    assert any("http://[redacted]@gateway" in text for _, text in about(findings, "environment"))
    assert "secret-password" not in json.dumps(findings)


def test_sdks_of_the_working_folder_and_old_ones_are_told(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "@google" / "genai" / "package.json"
    package.parent.mkdir(parents=True)
    package.write_text('{"version": "2.32.0"}')
    old = tmp_path / "old" / "google_genai-1.40.0.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: google-genai\nVersion: 1.40.0\n")
    _, findings = doctor(tmp_path, PYTHONPATH=str(tmp_path / "old"))
    told = about(findings, "sdk")
    assert ("ok", f"@google/genai 2.32.0 in {str(tmp_path)!r}") in told
    assert any(verdict == "note" and "1.40.0" in text and "1.55 is the first" in text for verdict, text in told)


def test_an_expired_authority_and_a_missing_file_of_roots_are_bad(tmp_path: Path) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder(name, name, key.public_key(), 1)
    made = made.not_valid_before(datetime(2001, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2002, 1, 1, tzinfo=UTC))
    folder = tmp_path / "home" / "ca"
    folder.mkdir(parents=True)
    (folder / "mitmproxy-ca-cert.pem").write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    code, findings = doctor(tmp_path, SSL_CERT_FILE=str(tmp_path / "none.pem"))
    assert code == 1
    assert "has expired" in about(findings, "ca")[0][1]
    assert any(verdict == "bad" and "SSL_CERT_FILE" in text for verdict, text in about(findings, "environment"))


def test_the_disk_and_the_limit_are_told(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "t.db").close()
    _, findings = doctor(tmp_path)
    assert "GB are free" in about(findings, "disk")[0][1]
    assert "of at most 10737 MB" in about(findings, "database")[0][1]
