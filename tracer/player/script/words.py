"""What every part of a script has in common: it knows its words, and a mistake is told with the ones it expected."""

from __future__ import annotations

from difflib import get_close_matches
from math import isfinite
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError


def mistake(text: str, word: str | None = None) -> PydanticCustomError:
    """An error whose text is shown as it is, at the place of `word` inside of what is being read."""
    return PydanticCustomError("script", "{text}", {"text": text, "word": word})


class Words(BaseModel):
    """A mapping of known words; a bare value stands for the one word named by `short`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)
    short: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, Words):
            return value
        if value is None:
            value = {}
        if not isinstance(value, dict):
            if cls.short is None:
                raise mistake(f"expected a mapping of {_listed(cls.words())}, got {shown(value)}")
            return {cls.short: value}
        for word in value:
            if word not in cls.words() and word not in cls.model_fields:
                raise mistake(f"{_unknown(word, cls.words())}; expected {_listed(cls.words())}", str(word))
        return value

    @classmethod
    def words(cls) -> list[str]:
        """The words it knows, as a script writes them."""
        return [field.alias or name for name, field in cls.model_fields.items()]


def _unknown(word: object, known: list[str]) -> str:
    near = get_close_matches(str(word), known, n=1)
    return f"{word!r} is not known here" + (f", did you mean {near[0]!r}" if near else "")


def _listed(words: list[str]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]


def shown(value: object) -> str:
    """A value in a sentence, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def checked(value: Any, depth: int = 0) -> Any:
    """The value, if JSON can say it."""
    if depth > 50:
        raise mistake("expected JSON that is not nested deeper than 50 levels")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [checked(item, depth + 1) for item in value]
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise mistake(f"expected names of fields to be strings, got {shown(name)}")
        return {name: checked(item, depth + 1) for name, item in value.items()}
    raise mistake(f"expected something that JSON can say, got {shown(value)}")


def _one_or_more(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


type Json = Annotated[Any, BeforeValidator(checked)]
type JsonFields = Annotated[dict[str, Any], BeforeValidator(checked)]
type Strings = Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]
"""A string or a list of strings."""
type Numbers = Annotated[tuple[Annotated[int, Field(ge=1, strict=True)], ...], BeforeValidator(_one_or_more)]
"""A positive integer or a list of them."""
