"""The text of a script becomes a `Script`; a mistake is told with its file, its line and what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tracer.errors import ScriptError
from tracer.player.script.model import Script
from tracer.player.script.words import shown

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML whose values are those of JSON: a date stays a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - declared so by its base
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_script(text: str, source: str, read: Callable[[str], bytes] | None = None) -> Script:
    """A script from YAML. `source` is its name in messages, `read` gives the content of a file it names.

    Raises ScriptError.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise ScriptError(f"{source} is empty: a script begins with `rules:`")
        _refuse_doubles(node, source, set())
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{source}:{mark.line + 1}" if mark else source
        raise ScriptError(f"{line}: this is not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ScriptError(f"{source} is not valid YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(data, dict):
        raise ScriptError(f"{source}:1: expected a mapping that begins with `rules:`, got {shown(data)}")
    return validated(Script, data, source, node=node, read=read)


def validated[Model: BaseModel](
    model: type[Model],
    data: Any,
    source: str,
    *,
    node: yaml.Node | None = None,
    read: Callable[[str], bytes] | None = None,
) -> Model:
    """The data as a part of a script. `node` tells the lines that it came from. Raises ScriptError."""
    try:
        return model.model_validate(data, context={"read": read})
    except ValidationError as error:
        found = [_described(one, node) for one in error.errors(include_url=False)]
    except RecursionError:
        raise ScriptError(f"{source} contains itself: expected mappings and lists that end") from None
    line, where, what = min(found, key=lambda one: one[0])
    place = f"{source}:{line}" if node is not None else source
    more = f" ({len(found) - 1} more mistake{'s' if len(found) > 2 else ''} in it)" if len(found) > 1 else ""
    raise ScriptError(f"{place}: {where + ': ' if where else ''}{what}{more}")


def _described(error: Any, node: yaml.Node | None) -> tuple[int, str, str]:
    # Line, path and sentence of one mistake.
    context = error.get("ctx") or {}
    word = context.get("word")
    location = [*error["loc"], *([word] if word else [])]
    line, path = _followed(node, location)
    if node is None:
        path = [str(part) for part in location if isinstance(part, str | int)]
    what = str(error["msg"])
    if error["type"] == "missing":
        what = f"{error['loc'][-1]!r} is missing"
    elif error["type"] != "script":
        what = re.sub(r"^(Value error, |Assertion failed, )", "", what)
        what = (
            re.sub(r"^Input should be", "expected", what).replace(" a valid ", " a ").replace("dictionary", "mapping")
        )
        what = f"{what}, got {shown(error['input'])}"
    return line, ".".join(path), what


def _followed(node: yaml.Node | None, location: list[Any]) -> tuple[int, list[str]]:
    # As far as the path can be followed: shortened forms lack some of its parts.
    line = node.start_mark.line + 1 if node is not None else 0
    path: list[str] = []
    for part in location:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if entry is None:
                continue
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            continue
        path.append(f"[{part}]" if isinstance(part, int) else str(part))
    return line, [part for n, part in enumerate(_joined(path)) if part or n]


def _joined(path: list[str]) -> list[str]:
    # `rules`, `[0]` becomes `rules[0]`.
    joined: list[str] = []
    for part in path:
        if part.startswith("[") and joined:
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _refuse_doubles(node: yaml.Node, source: str, seen: set[int]) -> None:
    # YAML lets the last of two equal words win, silently.
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubles(item, source, seen)
    if isinstance(node, yaml.MappingNode):
        words: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in words and key.value != "<<":
                    line = key.start_mark.line + 1
                    raise ScriptError(f"{source}:{line}: expected {key.value!r} once here, got it twice")
                words.add(key.value)
            _refuse_doubles(value, source, seen)
