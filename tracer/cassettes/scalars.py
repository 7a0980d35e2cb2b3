"""Which plain words of a YAML file are numbers, truth values or nothing: only those on which its versions agree.

PyYAML, with which vcrpy writes, quotes every text that YAML 1.1 takes for something else; writers of YAML 1.2 leave
`yes`, `12:30` and `2026-11-22T16:38:51Z` bare. Read by these rules, both give back what was written.
"""

from __future__ import annotations

import functools
import re
from typing import Any

_RULES = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE]-[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("merge", r"<<", "<"),
)


def with_plain_scalars[Loader: type](loader: Loader) -> Loader:
    """A subclass of one of PyYAML's loaders that follows these rules."""
    made: Any = type("PlainScalars", (loader,), {"yaml_implicit_resolvers": {}})
    for name, pattern, first in _RULES:
        made.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{pattern})$"), list(first))
    result: Loader = made
    return result


@functools.cache
def document_loader() -> Any:
    """The loader of whole documents; libYAML's where it is there, which is thirty times as fast."""
    import yaml

    return with_plain_scalars(getattr(yaml, "CSafeLoader", yaml.SafeLoader))
