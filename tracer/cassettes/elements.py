"""YAML read element by element, so that of a long cassette only one call is a tree of objects at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Protocol

from tracer.cassettes.scalars import with_plain_scalars


class Source(Protocol):
    """A text file, as far as the parser needs it."""

    def read(self, size: int = ..., /) -> str:
        """Up to that many characters, none at the end."""
        ...


STREAMED = "interactions"
"""The list, at the top of a document, whose elements come one by one."""


def read_elements(stream: Source | str) -> Iterator[tuple[bool, Any]]:
    """Of each document first its elements, as (True, element), then the rest of it, as (False, document).

    A document with elements has them replaced by an empty list. Raises yaml.YAMLError, ValueError or RecursionError
    for what is no YAML.
    """
    import yaml

    loader = _loader_class()(stream)
    try:
        loader.get_event()
        while not loader.check_event(yaml.StreamEndEvent):
            loader.get_event()
            if loader.check_event(yaml.MappingStartEvent):
                yield from _mapping(loader)
            else:
                yield False, loader.construct_document(loader.compose_node(None, None))
            loader.get_event()
            loader.anchors = {}
    finally:
        loader.dispose()


def _mapping(loader: Any) -> Iterator[tuple[bool, Any]]:
    import yaml

    document: dict[Any, Any] = {}
    loader.get_event()
    while not loader.check_event(yaml.MappingEndEvent):
        key = loader.construct_document(loader.compose_node(None, None))
        if key == STREAMED and loader.check_event(yaml.SequenceStartEvent) and loader.peek_event().implicit:
            document[key] = []
            loader.get_event()
            while not loader.check_event(yaml.SequenceEndEvent):
                yield True, loader.construct_document(loader.compose_node(None, None))
            loader.get_event()
        else:
            value = loader.construct_document(loader.compose_node(None, None))
            document[key if isinstance(key, str) else repr(key)] = value
    loader.get_event()
    yield False, document


@functools.cache
def _loader_class() -> Any:
    import yaml
    from yaml.composer import Composer
    from yaml.constructor import SafeConstructor
    from yaml.resolver import Resolver

    try:
        from yaml._yaml import CParser
    except ImportError:
        return with_plain_scalars(yaml.SafeLoader)

    class Loader(Composer, CParser, SafeConstructor, Resolver):
        """libyaml's events, but nodes of one element at a time: its own composer takes whole documents."""

        def __init__(self, stream: Source | str) -> None:
            CParser.__init__(self, stream)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

    return with_plain_scalars(Loader)
