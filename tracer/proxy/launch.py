"""The command under the proxy: its environment, its signals, its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from tracer.errors import TracerError
from tracer.proxy.interrupts import unblocked
from tracer.proxy.upstream import VERTEX_PREFIX
from tracer.wire.masking import mask

NOT_FOUND = 127
"""Exit code for a command that is not there, as shells have it."""
NOT_EXECUTABLE = 126
"""Exit code for a command that can't be started."""

_KILL_AFTER_SECONDS = 10.0


def child_environment(
    url: str, environ: Mapping[str, str], variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment that leads SDKs to the proxy at `url`, by its `base_urls` unless other variables are given."""
    changed = {**environ, **(base_urls(url) if variables is None else variables)}
    is_forward = "HTTPS_PROXY" in (variables or {})
    if not is_forward and any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in environ):
        # Or the SDK would ask that proxy for our loopback address.
        for name in ("no_proxy", "NO_PROXY"):
            exceptions = environ.get(name) or environ.get(name.swapcase(), "")
            changed[name] = ",".join(filter(None, [exceptions, "127.0.0.1"]))
    return changed


def base_urls(url: str) -> dict[str, str]:
    """The variables by which SDKs are told another base URL (google-genai in Python and JavaScript, litellm)."""
    return {
        "GOOGLE_GEMINI_BASE_URL": url,
        "GOOGLE_VERTEX_BASE_URL": url + VERTEX_PREFIX,
        "GEMINI_API_BASE": url,
    }


def without_secrets(command: Sequence[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """A command line as it may be kept: without keys, be they known by their shape or from the environment."""
    names = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    keys = [environ[name].encode("utf-8", "surrogateescape") for name in names if len(environ.get(name, "")) > 5]
    raw = (word.encode("utf-8", "surrogateescape") for word in command)
    return tuple(mask(word, keys).decode("utf-8", "surrogateescape") for word in raw)


def why_not(command: Sequence[str], environ: Mapping[str, str]) -> tuple[str, int] | None:
    """A sentence and an exit code if the command can't be run; to be asked before anything is started."""
    name = command[0]
    if shutil.which(name, path=environ.get("PATH")) is not None:
        return None
    if os.sep in name and Path(name).exists():
        return f"{name!r} can't be run: it is not an executable file", NOT_EXECUTABLE
    return f"the command {name!r} was not found: check its spelling and PATH", NOT_FOUND


class Child:
    """A running command."""

    def __init__(self, process: asyncio.subprocess.Process, own_group: bool) -> None:
        self._process = process
        self._own_group = own_group

    @classmethod
    async def start(cls, command: Sequence[str], environ: Mapping[str, str]) -> Child:
        """Raises TracerError if the system refuses.

        With a terminal the command stays in our process group, so that the terminal sends it Ctrl-C and Ctrl-Z
        itself; without one it gets a group of its own, to which we pass signals on.
        """
        own_group = not _has_terminal()
        try:
            with unblocked():
                # A session is a group too; a group alone is not to be had on every event loop.
                process = await asyncio.create_subprocess_exec(*command, env=environ, start_new_session=own_group)
        except OSError as error:
            raise TracerError(f"{command[0]!r} can't be run: {error.strerror}") from error
        return cls(process, own_group)

    async def wait(self) -> int:
        """Its exit code, 128 + n if signal n ended it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def pass_on(self, number: int, *, to_us_alone: bool = False) -> None:
        """Send it a signal that we got, unless the terminal has sent it to both of us."""
        if self._own_group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
        elif to_us_alone or number == signal.SIGTERM or not _in_foreground():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def end(self, waiting: asyncio.Task[int]) -> int:
        """Give it time to obey; kill it if it does not. Its exit code."""
        done, _ = await asyncio.wait([waiting], timeout=_KILL_AFTER_SECONDS)
        if not done:
            self._process.kill()
        return await waiting


class Supervisor:
    """Runs one command to its end and gives it the signals that we get meanwhile."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._must_end = asyncio.Event()
        self._early: list[int] = []
        self.ended = False
        """The command has ended; a signal now is for us alone."""

    def on_signal(self, number: int, *, to_us_alone: bool = False) -> None:
        """To be called with every signal that asks us to end; `to_us_alone` if it certainly came from no terminal."""
        if self._child is None:
            self._early.append(number)
        elif not self.ended:
            self._child.pass_on(number, to_us_alone=to_us_alone)
            if number != signal.SIGINT:
                # Ctrl-C may mean something else to the app than its end.
                self._must_end.set()

    async def run(self, command: Sequence[str], environ: Mapping[str, str]) -> int:
        """Start the command and wait for it; its exit code. Raises TracerError if it can't be started."""
        if self._early:
            self.ended = True
            return 128 + self._early[0]
        child = self._child = await Child.start(command, environ)
        for number in self._early:
            # It came while the command was being started.
            self.on_signal(number)
        try:
            waiting = asyncio.create_task(child.wait())
            told = asyncio.create_task(self._must_end.wait())
            await asyncio.wait([waiting, told], return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            return await child.end(waiting) if not waiting.done() else waiting.result()
        finally:
            self.ended = True


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _in_foreground() -> bool:
    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(descriptor)
