"""What `run` and `proxy` have in common: options, the check for mitmproxy, one asyncio program."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence

from tracer import settings as settings_
from tracer.cli.diagnostics import say
from tracer.errors import MissingExtraError, UsageError
from tracer.settings import Settings


def require_mitmproxy(verb: str) -> None:
    """Raises MissingExtraError if mitmproxy is not installed; does not import it."""
    if importlib.util.find_spec("mitmproxy") is None:
        raise MissingExtraError(verb, "proxy")


def load_settings(db: str | None, project: str | None) -> Settings:
    """This folder's settings, with the project of the command line if it names one. Raises UsageError."""
    loaded = settings_.load(db=db)
    return dataclasses.replace(loaded, project=project) if project else loaded


def announce_limit(settings: Settings) -> None:
    """Says so if the database is larger than it may be: recording then makes room in it."""
    from tracer.store.pruning import used_bytes

    if settings.max_size is None or (used := used_bytes(settings.db)) <= settings.max_size:
        return
    say(
        f"tracer: the database has {used / (1 << 30):.3g} GB, max_size is {settings.max_size / (1 << 30):.3g} GB: the "
        "words of its oldest conversations make room ([tool.tracer] max_size; `tracer prune`)"
    )


def parse_tags(texts: Sequence[str]) -> dict[str, str]:
    """`k=v` texts as a dictionary. Raises UsageError for a text without a name or `=`."""
    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"the tag {text!r} is not of the form NAME=VALUE")
        tags[name] = value
    return tags


def report(sentence: str) -> None:
    """A sentence of the proxy's for the user."""
    say(f"tracer: {sentence}")
