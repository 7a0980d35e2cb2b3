"""`tracer doctor` finds what is planted and is content with the rest."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

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
        code, findings = doctor(tmp_path, "--port", str(port), HTTPS_PROXY=proxy, GEMINI_API_BASE="http://gateway")
    assert code == 0
    assert about(findings, "port")[0][0] == "note"
    assert any("http://gateway" in text for _, text in about(findings, "environment"))
    assert "secret-password" not in json.dumps(findings)
