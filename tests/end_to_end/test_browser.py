"""`tracer tui --web` in a real Chromium, driven over its DevTools protocol: the screen is read by selecting it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tracer.store.writer import Writer
from tracer.testing import answer, exchange

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
WIDTH, HEIGHT = 1280, 720
SELECTED = """(() => {
  const event = new ClipboardEvent("copy", {clipboardData: new DataTransfer(), bubbles: true, cancelable: true});
  document.querySelector(".xterm").dispatchEvent(event);
  return event.clipboardData.getData("text/plain");
})()"""

pytestmark = pytest.mark.timeout(240)


def wait_for[T](look: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """What `look` gives once it is what is wanted."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not wanted(seen := look()):
        assert time.monotonic() < end, f"still {seen!r}"
    return seen


class Tab:
    """A page of a headless Chromium."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.requested: list[str] = []
        """Every address that the page asked for."""
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=PATIENCE_SECONDS))
            if message.get("method") == "Network.requestWillBeSent":
                self.requested.append(message["params"]["request"]["url"])
            elif message.get("method") == "Network.webSocketCreated":
                self.requested.append(message["params"]["url"])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])

    def run(self, script: str) -> Any:
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def mouse(self, kind: str, x: int, y: int, buttons: int, modifiers: int = 0) -> None:
        self.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left",
            buttons=buttons,
            clickCount=1,
            modifiers=modifiers,
        )

    def type(self, text: str) -> None:
        for character in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", key=character, text=character)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=character)

    @property
    def screen(self) -> str:
        """The terminal's text: selected from corner to corner with shift held, then copied, as a user would."""
        self.mouse("mousePressed", 2, 2, 1, 8)
        self.mouse("mouseMoved", WIDTH - 3, HEIGHT - 3, 1, 8)
        self.mouse("mouseReleased", WIDTH - 3, HEIGHT - 3, 0, 8)
        return str(self.run(SELECTED) or "")

    def until(self, wanted: str) -> str:
        return wait_for(lambda: self.screen, lambda screen: wanted in screen)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "browser.db"
    with Writer(path) as writer:
        for number, text in enumerate(("Plan Lisbon", "Where is order 417?")):
            asked = {"model": "gemini-3.5-flash", "input": text}
            writer.apply([exchange(asked, answer(f"v1_{number}", text=f"Answer {number}."), at_us=number * 60_000_000)])
    return path


class Serving:
    """A running `tracer tui --web`, and the address that it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found is not None
        self._process = process
        self.url = found.group()
        self.home, _, self.token = self.url.partition("?token=")
        self.origin = self.home.rstrip("/")
        self.port = self.origin.rpartition(":")[2]
        self.cookie = {"Cookie": f"tracer-{self.port}={self.token}"}
        self.socket = self.home.replace("http", "ws") + "ws"

    def stop(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            assert self._process.wait(timeout=PATIENCE_SECONDS) == 0
            assert self._process.stderr is not None
            assert self._process.stderr.read() == ""


@pytest.fixture
def served(database: Path, tmp_path: Path) -> Iterator[Serving]:
    environment = {**os.environ, "TRACER_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "tracer", "tui", "--web", "--db", str(database), "--project", "test"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        serving = Serving(process)
        yield serving
        serving.stop()


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    """A page of a Chromium that can resolve no name and has nothing in its cache."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed")
    profile = tmp_path / "profile"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"]
    options += [f"--window-size={WIDTH},{HEIGHT}", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    command = [program, *options, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            said = profile / "DevToolsActivePort"
            wait_for(lambda: said.read_text() if said.exists() else "", lambda text: text.count("\n") == 1)
            port = said.read_text().split("\n")[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as response:
                page = next(target for target in json.load(response) if target["type"] == "page")
            with connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None) as connection:
                tab = Tab(connection)
                size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
                tab.call("Emulation.setDeviceMetricsOverride", **size)
                yield tab
        finally:
            browser.terminate()


def test_the_screen_answers_keys_in_a_browser_and_loads_nothing_from_elsewhere(tab, served, tmp_path):
    tab.call("Page.navigate", url=served.url)
    screen = tab.until("Answer 1.")
    assert "2 conversations" in screen
    assert tab.run("location.search") == ""
    tab.type("j")
    tab.until("Answer 0.")
    tab.type("r")
    tab.until("POST /v1/interactions")
    assert tab.run("document.fonts.check('15px \"Roboto Mono\"')") is True
    asked = {url.partition("://")[2].partition("/")[0] for url in tab.requested if not url.startswith("data:")}
    assert asked == {f"127.0.0.1:{served.port}"}
    tab.mouse("mousePressed", WIDTH // 2, HEIGHT // 2, 1)  # takes the selection away
    tab.mouse("mouseReleased", WIDTH // 2, HEIGHT // 2, 0)
    picture = base64.b64decode(tab.call("Page.captureScreenshot")["data"])
    (tmp_path / "browser.png").write_bytes(picture)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000, "an empty page is far smaller"
    tab.type("q")
    ended = "getComputedStyle(document.querySelector('.ended')).display"
    wait_for(lambda: tab.run(ended), lambda shown: shown == "flex")


def refused(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)):
            return 200
    except urllib.error.HTTPError as error:
        return error.code


def test_nobody_without_the_token_and_no_other_page_gets_the_screen(served):
    home, cookie = served.home, served.cookie
    assert refused(home) == 403
    assert refused(f"{home}?token={served.token[:-1]}") == 403
    assert refused(f"{home}static/js/textual.js") == 403
    assert refused(home, **cookie) == 200
    assert refused(home, **cookie, Host=f"evil.example:{served.port}") == 403
    for origin, extra in (("http://evil.example", cookie), (served.origin, {})):
        with (
            pytest.raises(InvalidStatus) as caught,
            connect(served.socket, origin=origin, additional_headers=extra, proxy=None),
        ):
            pass
        assert caught.value.response.status_code == 403


def test_the_server_ends_while_a_browser_has_a_screen_open_and_reads_no_more(served):
    with connect(served.socket, origin=served.origin, additional_headers=served.cookie, proxy=None) as connection:
        assert connection.recv(timeout=PATIENCE_SECONDS)
        served.stop()
