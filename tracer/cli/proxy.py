"""`tracer proxy`: the recording proxy, until it is stopped."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import os
import re
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit, say
from tracer.cli.recording import announce_limit, load_settings, parse_tags, report, require_mitmproxy
from tracer.errors import UsageError

if TYPE_CHECKING:
    from tracer.proxy.service import Listen, RecordingProxy
    from tracer.proxy.upstream import Routing
    from tracer.settings import Settings

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}")


@click.command
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:8080", show_default=True, help="Port 0 takes a free one."
)
@click.option("--forward-listen", metavar="HOST:PORT", help="Also be a proxy for HTTPS (CONNECT) here.")
@click.option(
    "--token", metavar="TOKEN", envvar="TRACER_TOKEN", help="What clients must know (better set as TRACER_TOKEN)."
)
@click.option("--upstream", metavar="URL", help="The service's base URL, if not the one the environment names.")
@click.option("--json", "as_json", is_flag=True, help="Say on stdout, in one line of JSON, when it is ready.")
@click.option(
    "--durability",
    type=click.Choice(["process", "power"]),
    default="process",
    show_default=True,
    help="Which death recordings survive: of our processes, or of the machine (all but the last 100 ms).",
)
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="A tag for every record; may be repeated.")
@click.option("--db", metavar="PATH", help="The database (else TRACER_DB, else the user's).")
@click.option("--project", metavar="NAME", help="The project the records belong to.")
def command(
    listen: str,
    forward_listen: str | None,
    token: str | None,
    upstream: str | None,
    as_json: bool,
    durability: str,
    tags: tuple[str, ...],
    db: str | None,
    project: str | None,
) -> int:
    """Start the recording proxy and keep it running until Ctrl-C or SIGTERM.

    Give its URL to an app as the base URL of the Gemini API (GOOGLE_GEMINI_BASE_URL); Vertex AI lies below
    /_vertex (GOOGLE_VERTEX_BASE_URL). --forward-listen adds a proxy for apps whose base URL can't be changed; it
    looks only into connections to the service's hosts.

    An address that others can reach needs a token: the base URL is then http://HOST:PORT/t/TOKEN, and the proxy
    for HTTPS takes it as the password of Proxy-Authorization (http://tracer:TOKEN@HOST:PORT).

    \b
    tracer proxy --listen 127.0.0.1:8080
    tracer proxy --listen 127.0.0.1:0 --json
    """
    require_mitmproxy("proxy")
    host, port = _address("--listen", listen, token)
    forward = _address("--forward-listen", forward_listen, token) if forward_listen else None
    if token is not None and not _TOKEN.fullmatch(token):
        raise UsageError("the token must be 8 or more letters, digits, '-' and '_'")
    known_tags = parse_tags(tags)
    settings = dataclasses.replace(load_settings(db, project), power_safe=durability == "power")
    announce_limit(settings)
    from tracer.proxy.service import Listen
    from tracer.proxy.upstream import routing

    where = routing(upstream or settings.upstream, _without_ourselves(host, port))
    from tracer.proxy import tuning

    return tuning.run(_serve(settings, where, Listen(host, port, forward, token), known_tags, as_json))


async def _serve(settings: Settings, where: Routing, listen: Listen, tags: dict[str, str], as_json: bool) -> int:
    from tracer.capture.session import RunInfo
    from tracer.proxy.service import RecordingProxy, signals

    proxy = RecordingProxy(settings, where, listen, RunInfo(project=settings.project, tags=tags), report=report)
    stopped = asyncio.Event()

    def on_signal(_number: int) -> None:
        # The second one does not wait for the database.
        if stopped.is_set():
            proxy.hurry.set()
        stopped.set()

    with signals(on_signal):
        try:
            url = await proxy.start()
            if as_json:
                ready: dict[str, Any] = {
                    "event": "ready",
                    "url": url,
                    "forward_url": proxy.forward_url,
                    "upstream": where.gemini.url,
                    "pid": os.getpid(),
                }
                if proxy.forward_url:
                    ready["forward_variables"] = proxy.forward_variables()
                output.write_json({**ready, "run": proxy.run, "project": settings.project, "db": str(settings.db)})
            else:
                say(f"tracer: recording {url} -> {where.gemini.url} as project {settings.project!r} in {settings.db}")
                base = f"{url}/t/$TRACER_TOKEN" if listen.token else url
                say(f"        point an app at it: export GOOGLE_GEMINI_BASE_URL={base}   (Ctrl-C ends)")
                _say_forward(proxy, listen.token)
            await stopped.wait()
        finally:
            await proxy.stop()
    return Exit.DONE


def _say_forward(proxy: RecordingProxy, token: str | None) -> None:
    if proxy.forward_url is None:
        return
    variables = proxy.forward_variables()
    if token:
        secret = proxy.forward_url.replace("//", "//tracer:$TRACER_TOKEN@", 1)
        variables |= {"HTTPS_PROXY": secret, "https_proxy": secret}
    say(f"        or lead it through: export {' '.join(f'{name}={value}' for name, value in variables.items())}")


def _address(option: str, text: str, token: str | None) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{option} is {text!r}, but it must be HOST:PORT, such as 127.0.0.1:8080")
    if not token and not _is_loopback(host):
        raise UsageError(f"{option} {text!r} is not a loopback address: give a --token, or 127.0.0.1")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_ourselves(host: str, port: int) -> dict[str, str]:
    # A shell that already points its apps at this proxy must not make it its own upstream.
    own = tuple(f"http://{name}:{port}/" for name in (host, "127.0.0.1", "localhost"))
    return {name: value for name, value in os.environ.items() if not f"{value}/".startswith(own)}
