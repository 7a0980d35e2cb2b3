"""`tracer run`: the app's environment, exit code and signals; the summary; what is on disk afterwards."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tracer.testing import answer, sse_chunks, text_stream

ANSWER = answer("v1_a", text="Hello.")
HELLO = 'post({"model": "gemini-3.5-flash", "input": "Hi"}, x_goog_api_key="the-key-of-this-test")\n'


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_app_is_recorded_and_summed_up(tracer: Any, upstream: Any, app: Any) -> None:
    upstream.answers(ANSWER)
    code = HELLO * 2 + 'post(b"x", "/v1beta/files")\nprint("out")\nprint("err", file=sys.stderr)\nsys.exit(5)'
    done = tracer.run("run", "--upstream", upstream.url, "--tag", "branch=main", "--", *app(code))
    assert done.returncode == 5
    assert done.stdout == "out\n"
    first, *lines = done.stderr.splitlines()
    assert first == "tracer: set for the command: GOOGLE_GEMINI_BASE_URL GOOGLE_VERTEX_BASE_URL GEMINI_API_BASE"
    assert lines[0] == "err"
    assert lines[1].startswith("tracer: 2 interactions in 2 conversations · 0 failed · 82 tokens · $")
    assert lines[2] == f"        1 other call to {upstream.url}"
    assert lines[3] == f"        project 'cli' in {tracer.db}"
    records = tracer.records()
    assert [record["status"] for record in records] == ["completed", "completed"]
    assert {record["tags"]["branch"] for record in records} == {"main"}
    assert {record["upstream"] for record in records} == {upstream.url}
    run = records[0]["run"]
    assert f"tracer list run:{run}" in lines[4]
    assert list(tracer.journal.iterdir()) == []


def test_the_base_url_of_the_environment_becomes_the_upstream(tracer: Any, upstream: Any, app: Any) -> None:
    upstream.answers(ANSWER)
    code = HELLO + 'print(os.environ["GEMINI_API_BASE"] == os.environ["GOOGLE_GEMINI_BASE_URL"])'
    done = tracer.run("run", "--", *app(code), GOOGLE_GEMINI_BASE_URL=f"{upstream.url}/some/gateway/")
    assert done.stdout == "True\n"
    assert [path for path, _, _ in upstream.seen] == ["/some/gateway/v1/interactions"]
    assert upstream.seen[0][1]["Host"] == upstream.url.removeprefix("http://")


def test_vertex_lies_below_its_own_path(tracer: Any, upstream: Any, app: Any) -> None:
    upstream.answers(ANSWER)
    code = (
        'os.environ["GOOGLE_GEMINI_BASE_URL"] = os.environ["GOOGLE_VERTEX_BASE_URL"]\n'
        'post({"model": "m", "input": "Hi"}, "/v1beta1/projects/p/locations/us-central1/interactions")'
    )
    done = tracer.run("run", "--", *app(code), GOOGLE_VERTEX_BASE_URL=f"{upstream.url}/vertex")
    assert done.returncode == 0, done.stderr
    assert [path for path, _, _ in upstream.seen] == ["/vertex/v1beta1/projects/p/locations/us-central1/interactions"]
    assert upstream.seen[0][1]["Host"] == upstream.url.removeprefix("http://")
    (record,) = tracer.records()
    assert (record["service"], record["upstream"]) == ("vertex", upstream.url)


def test_with_nothing_recorded_it_says_what_was_set_and_what_to_try(tracer: Any) -> None:
    done = tracer.run("run", "--", "true")
    assert done.returncode == 0
    assert "no Interactions API call was seen" in done.stderr
    assert "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:" in done.stderr
    assert "hosts seen: none" in done.stderr
    assert done.stderr.splitlines()[-1].strip() == "tracer run --forward -- CMD"


@pytest.mark.parametrize(
    ("command", "code"),
    [(["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -TERM $$"], 143), (["sh", "-c", "kill -9 $$"], 137)],
)
def test_the_exit_code_is_the_commands(tracer: Any, command: list[str], code: int) -> None:
    assert tracer.run("run", "--", *command).returncode == code


@pytest.mark.parametrize(("name", "code"), [("nonsuch-command", 127), ("./not-executable", 126), ("./nonsuch", 127)])
def test_a_command_that_cannot_be_run_is_one_sentence(tracer: Any, name: str, code: int) -> None:
    (tracer.folder / "not-executable").write_text("echo no")
    done = tracer.run("run", "--", name)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert repr(name) in done.stderr
    assert not tracer.db.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "culprit"),
    [
        (["run", "--tag", "oops", "--", "true"], 2, "'oops'"),
        (["run", "--upstream", "ftp://host", "--", "true"], 2, "'ftp://host'"),
        (["run", "--db", "/proc/none/tracer.db", "--", "true"], 1, "'/proc/none/tracer.db'"),
    ],
)
def test_mistakes_are_one_sentence(tracer: Any, arguments: list[str], code: int, culprit: str) -> None:
    done = tracer.run(*arguments)
    assert done.returncode == code
    assert done.stderr.count("\n") == 1
    assert culprit in done.stderr


def test_an_unreachable_upstream_is_one_sentence_and_a_failed_record(tracer: Any, app: Any) -> None:
    done = tracer.run("run", "--upstream", "http://127.0.0.1:9", "--", *app(f"print({HELLO.strip()}[0])\n" + HELLO))
    assert done.stdout == "502\n"
    assert done.returncode == 0
    assert done.stderr.count("http://127.0.0.1:9 did not answer") == 1
    records = tracer.records()
    assert {record["state"] for record in records} == {"error"}
    assert all("Connect" in record["error"]["message"] for record in records)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_app_and_the_proxy(tracer: Any, app: Any, number: int) -> None:
    command = app("signal.signal(signal.SIGINT, signal.SIG_DFL)\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    with tracer.start("run", "--", *command) as process:
        pid = int(process.stdout.readline())
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert not alive(pid)
    assert "Traceback" not in said


def test_an_app_may_tidy_up_after_sigterm(tracer: Any, upstream: Any, app: Any) -> None:
    upstream.answers(ANSWER)
    code = (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\nprint('ready', flush=True)\n"
        f"signal.sigwait([signal.SIGTERM])\n{HELLO}print('tidied', flush=True)\nsys.exit(9)"
    )
    with tracer.start("run", "--upstream", upstream.url, "--", *app(code)) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert out == "tidied\n"
    assert process.returncode == 9
    assert [record["status"] for record in tracer.records()] == ["completed"]


def test_ctrl_c_in_a_terminal_reaches_the_app_once_and_the_terminal_works_on(tracer: Any, app: Any) -> None:
    code = (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\nprint('ready', flush=True)\n"
        "signal.sigwait([signal.SIGINT])\nprint('caught', flush=True)\n"
        "print('after', input(), signal.SIGINT in signal.sigpending(), flush=True)"
    )
    master, slave = pty.openpty()
    modes = termios.tcgetattr(slave)
    # Ctrl-C would also throw away what the app has just said.
    modes[3] |= termios.NOFLSH
    termios.tcsetattr(slave, termios.TCSANOW, modes)

    def own_terminal() -> None:
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    with tracer.start(
        "run", "--", *app(code), stdin=slave, stdout=slave, stderr=subprocess.PIPE, preexec_fn=own_terminal
    ) as process:
        os.close(slave)
        screen = b""

        def wait_for(text: bytes) -> None:
            nonlocal screen
            while text not in screen:
                screen += os.read(master, 1000)

        wait_for(b"ready")
        os.write(master, b"\x03")
        wait_for(b"caught")
        os.write(master, b"a line\n")
        wait_for(b"after a line False")
        process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 0


def test_kill_int_by_pid_in_a_terminal_reaches_the_app_too(tracer: Any, app: Any) -> None:
    code = "signal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('ready', flush=True)\ntime.sleep(600)"
    master, slave = pty.openpty()

    def own_terminal() -> None:
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    with tracer.start(
        "run", "--", *app(code), stdin=slave, stdout=slave, stderr=subprocess.PIPE, preexec_fn=own_terminal
    ) as process:
        os.close(slave)
        assert os.read(master, 100).startswith(b"ready")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 128 + signal.SIGINT


KEY = "canary-3b1f77e0a9"
TOOL_KEY = "tool-canary-5d20c4"


def echo_in_every_way(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """An upstream that repeats the key: whole, packed, in pieces, in headers, in a stream."""
    text = f'{{"error":{{"code":400,"message":"API key {KEY} of {TOOL_KEY} not valid"}}}}'.encode()
    kind = handler.path.rpartition("way=")[2]
    head = {"x-echo": KEY, "set-cookie": f"sid={KEY}-cookie-0123456789"}
    if kind == "stream":
        head["content-type"] = "text/event-stream"
        pieces = sse_chunks(text_stream("v1_s", [f"your key is {KEY}", "right?"]))
        handler.send_response(200)
    else:
        head["content-type"] = "application/json"
        packed = gzip.compress(text) if kind == "gzip" else text
        head |= {"content-encoding": "gzip"} if kind == "gzip" else {}
        pieces = [packed[at : at + 7] for at in range(0, len(packed), 7)] if kind != "whole" else [packed]
        handler.send_response(400)
    for name, value in head.items():
        handler.send_header(name, value)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for piece in [*pieces, b""]:
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))


def test_the_key_is_nowhere_on_disk(tracer: Any, upstream: Any, app: Any) -> None:
    upstream.reply = echo_in_every_way
    tool = json.dumps({"type": "mcp_server", "url": "u", "headers": {"authorization": f"Bearer {TOOL_KEY}"}})
    code = f"body = {{'model': 'm', 'input': 'the key is ' + sys.argv[1], 'tools': [{tool}]}}\n"
    for way in ("whole", "gzip", "pieces", "stream"):
        code += f"print(sys.argv[1] in str(post(body, '/v1/interactions?way={way}', x_goog_api_key=sys.argv[1])))\n"
        code += f"post(body, '/v1/interactions?key=' + sys.argv[1] + '&way={way}')\n"
    command = app(code + "post(b'x', '/upload/v1beta/files?key=' + sys.argv[1])")
    # The command line is kept with the run, so the key comes from the environment.
    launcher = [sys.executable, "-c", f"import os; os.execv({command[0]!r}, [*{command!r}, os.environ['CANARY']])"]
    done = tracer.run("run", "--upstream", upstream.url, "--", *launcher, CANARY=KEY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False", "True", "True"]
    assert len(tracer.records()) == 8
    assert len(upstream.seen) == 9
    (tracer.folder / "stderr.log").write_text(done.stderr)
    (tracer.folder / "records.log").write_text(json.dumps(tracer.records()))
    files = [path for path in tracer.folder.rglob("*") if path.is_file() and path.name != "app.py"]
    assert tracer.db in files
    for secret in (KEY, TOOL_KEY):
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert "[redacted]" in (tracer.folder / "records.log").read_text()


def test_a_database_that_is_locked_does_not_hold_up_the_app(tracer: Any, upstream: Any, app: Any) -> None:
    import sqlite3

    upstream.answers(ANSWER)
    assert tracer.run("run", "--", "true").returncode == 0
    lock = sqlite3.connect(tracer.db, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with tracer.start("run", "--upstream", upstream.url, "--", *app(HELLO + "print('done', flush=True)")) as process:
        assert process.stdout.readline() == "done\n"
        lock.execute("COMMIT")
        lock.close()
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert [record["status"] for record in tracer.records()] == ["completed"]


def test_a_tracer_py_of_the_users_does_not_stand_in_for_ours(tracer: Any, upstream: Any, app: Any) -> None:
    upstream.answers(ANSWER)
    (tracer.folder / "tracer.py").write_text("raise SystemExit('the wrong tracer')")
    console_script = Path(sys.executable).with_name("tracer")
    done = subprocess.run(
        [console_script, "run", "--upstream", upstream.url, "--", *app(HELLO)], env=tracer.environment,
        cwd=tracer.folder, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 interaction in 1 conversation" in done.stderr


def test_forward_says_what_it_sets_and_what_to_try(tracer: Any, app: Any) -> None:
    code = "assert 'GOOGLE_GEMINI_BASE_URL' not in os.environ\nassert os.environ['NODE_USE_ENV_PROXY'] == '1'\n"
    code += "assert b'BEGIN CERTIFICATE' in open(os.environ['SSL_CERT_FILE'], 'rb').read()\n"
    done = tracer.run("run", "--forward", "--", *app(code))
    assert done.returncode == 0, done.stderr
    assert "set for the command: HTTPS_PROXY https_proxy SSL_CERT_FILE" in done.stderr
    assert "tracer proxy --listen" in done.stderr


def test_forward_says_which_hosts_were_seen_and_who_did_not_want_the_certificate(tracer: Any, app: Any) -> None:
    code = (
        "import ssl\nproxy = urlsplit(os.environ['HTTPS_PROXY'])\n"
        "for host in ('generativelanguage.googleapis.com', 'localhost'):\n"
        "    made = http.client.HTTPSConnection(proxy.hostname, proxy.port, context=ssl.create_default_context(\n"
        "        cadata=open(os.environ['SSL_CERT_FILE']).read().split('-----END CERTIFICATE-----')[0]\n"
        "        + '-----END CERTIFICATE-----'))\n"
        "    made.set_tunnel(host, 9)\n"
        "    try:\n        made.request('GET', '/')\n"
        "    except OSError as error:\n        print(type(error).__name__)\n"
    )
    done = tracer.run("run", "--forward", "--upstream", "https://generativelanguage.googleapis.com:9", "--", *app(code))
    assert done.returncode == 0, done.stderr
    assert "SSLCertVerificationError" in done.stdout
    assert "the app broke off TLS with generativelanguage.googleapis.com" in done.stderr
    assert "hosts seen: generativelanguage.googleapis.com:9 (1 tunnel), localhost:9 (1 tunnel)" in done.stderr


def test_metadata_only_keeps_no_words_and_power_safety_records_the_same(tracer: Any, app: Any, upstream: Any) -> None:
    upstream.answers(answer("v1_a", text="A word nobody keeps."))
    (tracer.folder / "pyproject.toml").write_text('[tool.tracer]\ncapture = "metadata"\n')
    code = 'assert post({"model": "m", "input": "Nor this one."})[0] == 200'
    done = tracer.run("run", "--durability", "power", "--upstream", upstream.url, "--", *app(code))
    assert done.returncode == 0, done.stderr
    (record,) = tracer.records()
    assert record["exchanges"][0]["http_status"] == 200
    assert (record["output_text"], record["notes"][0]) == (None, "bodies are not kept")
    kept = b"".join(path.read_bytes() for path in tracer.folder.glob("tracer.db*") if path.is_file())
    assert b"A word nobody" not in kept
