"""`tracer addon`: the way in for those who run mitmproxy themselves."""

from __future__ import annotations

import importlib.util

import click

from tracer.cli import output
from tracer.cli.diagnostics import Exit
from tracer.cli.recording import require_mitmproxy


@click.command
def command() -> int:
    """Print the path of a script for your own mitmdump or mitmweb, which records as `tracer proxy` does.

    mitmproxy must run in the environment in which this package is installed. The database and the project are
    those of `tracer where`. Only calls to the service are recorded; event streams pass while they arrive, and
    everything else stays as your mitmproxy would have it.

    \b
    mitmdump -s "$(tracer addon)" --mode reverse:https://generativelanguage.googleapis.com
    mitmweb -s "$(tracer addon)"
    """
    require_mitmproxy("addon")
    found = importlib.util.find_spec("tracer.proxy.script")
    assert found is not None
    output.write(str(found.origin))
    return Exit.DONE
