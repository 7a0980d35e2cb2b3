"""The `tracer` command: finds the verb, imports only its file, turns our errors into one sentence and an exit code."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import click

from tracer import __version__
from tracer.cli.diagnostics import Exit, fail, say
from tracer.errors import TracerError

VERBS: dict[str, str] = {
    "run": "Run a command with its Interactions API calls recorded.",
    "proxy": "Start the recording proxy and keep it running.",
    "addon": "Print the path of a script for your own mitmdump or mitmweb.",
    "emulate": "Serve a local Interactions API, with no key and no network.",
    "replay": "Serve cassettes to any client.",
    "demo": "The whole story with no key and no network.",
    "tui": "Look at conversations in the terminal.",
    "list": "List interactions.",
    "show": "Show one interaction.",
    "tree": "Show conversations as trees.",
    "diff": "Compare two interactions by what they mean.",
    "export": "Write interactions as JSON lines, Markdown, curl or Python.",
    "stats": "Count interactions by model, day, tool, error and more.",
    "decode": "Turn raw JSON bodies or event streams into records.",
    "import": "Bring cassettes, HAR and flow files into the database.",
    "cassette": "Make cassettes and tests from what was recorded; show and check them.",
    "doctor": "Find out what keeps calls from being recorded.",
    "prune": "Make the database smaller.",
    "recover": "Bring journal segments of dead processes into the database.",
    "reindex": "Derive all records from what was recorded again.",
    "where": "Print every path in use.",
}
"""Verb -> its line in the help; its code is `tracer.cli.<verb>:command` (three of them in `<verb>_.py`)."""


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"tracer.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


_MODULES = {"import": "import_", "list": "list_", "tui": "tui_"}


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tracer")
def tracer() -> None:
    """See, record and replay what happens on the Gemini Interactions API."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code instead of leaving."""
    try:
        code = tracer.main(args=arguments, prog_name="tracer", standalone_mode=False)
    except TracerError as error:
        return fail(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("tracer: interrupted")
        return 130
    return code if isinstance(code, int) else Exit.DONE
