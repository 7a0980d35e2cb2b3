"""What is known of the wire's objects: tables only (WIRE.md sections 4 to 10).

A field, word or type that is not here is kept like any other and counted in a record's `unknown`; an entry makes it
known. Field names mean the same in every dialect, so one table serves all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from tracer.dialects.words import CALL_AND_RESULT_STEPS, STATUSES, Kind


class Leaf(Enum):
    """Values that hold no field of the API's."""

    PLAIN = "a string, number or boolean"
    FREE = "any JSON: the application's own, such as arguments and schemas"


@dataclass(frozen=True, slots=True)
class Word:
    """A string out of an open set; letter case does not count."""

    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fields:
    """An object."""

    fields: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Each:
    """A list of the same; where one value stands alone it counts as a list of one."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Typed:
    """An object whose `type` tells its fields."""

    types: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Either:
    """A plain value, or something with fields."""

    plain: Shape
    other: Shape


type Shape = Leaf | Word | Fields | Each | Typed | Either

PLAIN, FREE = Leaf.PLAIN, Leaf.FREE


def _words(text: str) -> Word:
    return Word(frozenset(text.split()))


def _plain(text: str, **others: Shape) -> Fields:
    return Fields({**dict.fromkeys(text.split(), PLAIN), **others})


def _types(types: Mapping[str, Fields]) -> Mapping[str, Shape]:
    return {name: Fields({"type": PLAIN, **shape.fields}) for name, shape in types.items()}


ANNOTATIONS = Each(
    Typed(
        {
            name: _plain(f"type start_index end_index {own}", **others)
            for name, own, others in (
                ("url_citation", "url title", {}),
                ("file_citation", "document_uri file_name source page_number media_id", {"custom_metadata": FREE}),
                ("place_citation", "place_id name url", {"review_snippets": FREE}),
                ("word_info", "text start_offset end_offset speaker", {}),
                ("speech_metadata", "speaker style", {}),
                ("", "source", {}),  # the first SDKs' annotations had no type
            )
        }
    )
)
_RESOLUTION = _words("low medium high ultra_high")
_MEDIA = "data uri mime_type"
CONTENTS: Mapping[str, Shape] = _types(
    {
        "text": _plain("text", annotations=ANNOTATIONS),
        "image": _plain(_MEDIA, resolution=_RESOLUTION),
        "audio": _plain(f"{_MEDIA} channels sample_rate", processing=FREE),
        "video": _plain(f"{_MEDIA} name", resolution=_RESOLUTION, processing=FREE),
        "document": _plain(_MEDIA, resolution=_RESOLUTION, processing=FREE),
    }
)
CONTENT = Typed(CONTENTS)
_MESSAGE = Either(PLAIN, Each(CONTENT))
_ERROR = _plain("code message status", details=FREE)

_SEARCHED = Each(_plain("search_suggestions url title rendered_content"))
_FETCHED = Each(_plain("url", status=_words("success error paywall unsafe")))
_PLACES = Each(_plain("widget_context_token", places=FREE))


def _call(names: str = "", **others: Shape) -> Fields:
    return _plain(f"id signature {names}", **{"arguments": FREE, **others})


def _result(names: str = "", **others: Shape) -> Fields:
    return _plain(f"call_id is_error signature {names}", **{"result": FREE, **others})


STEPS: Mapping[str, Shape] = _types(
    {
        "user_input": Fields({"content": _MESSAGE}),
        "model_output": Fields({"content": _MESSAGE, "error": _ERROR}),
        "thought": _plain("signature", summary=Each(CONTENT)),
        **{name: _call() if name.endswith("_call") else _result() for name in CALL_AND_RESULT_STEPS},
        "function_call": _call("name"),
        "function_result": _result("name"),
        "code_execution_call": _call(arguments=_plain("code language")),
        "url_context_call": _call(arguments=Fields({"urls": Each(PLAIN)})),
        "url_context_result": _result(result=_FETCHED),
        "google_search_call": _call(arguments=Fields({"queries": Each(PLAIN)}), search_type=PLAIN),
        "google_search_result": _result(result=_SEARCHED),
        "google_maps_call": _call(arguments=Fields({"queries": Each(PLAIN)})),
        "google_maps_result": _result(result=_PLACES),
        "mcp_server_tool_call": _call("name server_name"),
        "mcp_server_tool_result": _result("name server_name"),
        "retrieval_call": _call(arguments=Fields({"queries": Each(PLAIN)}), retrieval_type=PLAIN),
        "tool_search_call": _call(arguments=Fields({"function_names": Each(PLAIN)})),
    }
)
ITEM = Typed({**CONTENTS, **STEPS})
"""A member of legacy `outputs`, where contents stand beside steps."""
_TURN = _plain("role", content=Either(PLAIN, Each(ITEM)))
INPUT = Either(PLAIN, Each(Typed({**CONTENTS, **STEPS, "": _TURN})))

_BY_MODALITY = Each(_plain("tokens", modality=_words("text image audio video document")))
# Seen on the live service, in no documentation.
_INVOCATIONS = Each(Fields({f"{part}_tokens_details": _BY_MODALITY for part in ("prompt", "candidates", "thoughts")}))
USAGE = _plain(
    "total_input_tokens total_output_tokens total_thought_tokens total_cached_tokens total_tool_use_tokens "
    "total_tokens prompt_tokens completion_tokens total_reasoning_tokens initial_input_tokens",
    **{f"{part}_tokens_by_modality": _BY_MODALITY for part in ("input", "output", "cached", "tool_use")},
    model_invocation_token_counts=_INVOCATIONS,
    non_grounding_model_invocation_token_counts=_INVOCATIONS,
    grounding_tool_count=Each(_plain("count", type=_words("google_search google_maps retrieval"))),
)

_RETRIEVERS = "vertex_ai_search rag_store exa_ai_search parallel_ai_search"
_TOOL = Typed(
    _types(
        {
            "function": _plain("name description short_description defer_loading", parameters=FREE),
            "google_search": Fields({"search_types": Each(_words("web_search image_search enterprise_web_search"))}),
            "code_execution": Fields({}),
            "url_context": Fields({}),
            "computer_use": Fields(
                {
                    "environment": _words("browser mobile desktop"),
                    "excluded_predefined_functions": Each(PLAIN),
                    "excludedPredefinedFunctions": Each(PLAIN),
                    "enable_prompt_injection_detection": PLAIN,
                    "disabled_safety_policies": Each(PLAIN),
                }
            ),
            "mcp_server": _plain(
                "name url",
                headers=FREE,
                allowed_tools=Each(Either(PLAIN, Fields({"mode": PLAIN, "tools": Each(PLAIN)}))),
            ),
            "file_search": _plain("metadata_filter top_k", file_search_store_names=Each(PLAIN)),
            "google_maps": _plain("enable_widget latitude longitude"),
            "retrieval": Fields(
                {
                    "retrieval_types": Each(_words(_RETRIEVERS)),
                    **{f"{name}_config": FREE for name in _RETRIEVERS.split()},
                }
            ),
            "tool_search": _plain("name description", execution=_words("server client"), parameters=FREE),
        }
    )
)
_ALLOWED_TOOLS = Fields({"mode": _words("auto any none validated"), "tools": Each(PLAIN)})
_GENERATION = _plain(
    "temperature top_p max_output_tokens seed",
    stop_sequences=Each(PLAIN),
    thinking_level=_words("minimal low medium high xhigh"),
    thinking_summaries=_words("auto none"),
    tool_choice=Either(_words("auto any none validated"), Fields({"allowed_tools": _ALLOWED_TOOLS})),
    speech_config=Each(_plain("voice language speaker", speakers=Each(_plain("voice language speaker")))),
    image_config=_plain("aspect_ratio image_size"),
    video_config=_plain("task"),
    transcription_config=FREE,
)
_AGENT = Typed(
    {
        "dynamic": FREE,
        **_types(
            {
                "deep-research": _plain(
                    "visualization collaborative_planning enable_bigquery_tool", thinking_summaries=_words("auto none")
                ),
                "antigravity": _plain("model max_total_tokens"),
                "code-mender": _plain("model session_id", find_request=FREE, fix_request=FREE, session_config=FREE),
            }
        ),
    }
)
_DELIVERY = _words("inline uri url")
_FORMAT = Typed(
    {
        **_types(
            {
                "text": Fields({"mime_type": PLAIN, "schema": FREE}),
                "image": _plain("aspect_ratio image_size mime_type", delivery=_DELIVERY),
                "audio": _plain("mime_type sample_rate bit_rate", delivery=_DELIVERY),
                "video": _plain("aspect_ratio duration resolution gcs_uri", delivery=_DELIVERY),
            }
        ),
        # Legacy passes a JSON schema, whose `type` is one of JSON's, or missing.
        **dict.fromkeys(("", "object", "array", "string", "number", "integer", "boolean"), FREE),
    }
)
_ASKED: dict[str, Shape] = {
    **_plain(
        "model agent system_instruction previous_interaction_id response_mime_type stream background store"
    ).fields,
    **_plain("cached_content continuation_token").fields,
    "input": INPUT,
    "tools": Each(_TOOL),
    "generation_config": _GENERATION,
    "agent_config": _AGENT,
    "response_format": Each(_FORMAT),
    "response_modalities": Each(_words("text image audio video document")),
    "service_tier": _words("flex standard priority deferred"),
    "webhook_config": Fields({"uris": Each(PLAIN), "user_metadata": FREE}),
    "environment": Either(PLAIN, FREE),
    "labels": FREE,
    "safety_settings": Each(_plain("type threshold method")),
}
REQUEST = Fields(_ASKED)
"""The body of a create."""

INTERACTION = Fields(
    {
        **_ASKED,
        **_plain("id object created updated role environment_id").fields,
        "status": Word(STATUSES),
        "steps": Each(Typed(STEPS)),
        "outputs": Each(ITEM),
        "usage": USAGE,
        "errors": Each(_ERROR),
        "error": Either(PLAIN, _ERROR),
    }
)
"""An interaction object, with whatever it echoes of its request."""

DELTA = Typed(
    {
        **CONTENTS,
        **STEPS,
        **_types(
            {
                "thought_summary": Fields({"content": Each(CONTENT)}),
                "thought_signature": _plain("signature"),
                "text_annotation": Fields({"annotations": ANNOTATIONS}),
                "text_annotation_delta": Fields({"annotations": ANNOTATIONS}),
                "arguments_delta": _plain("id name arguments partial_arguments"),
            }
        ),
    }
)
_EVENT: dict[str, Shape] = {
    "event_type": PLAIN,
    "event_id": PLAIN,
    "metadata": Fields({"total_usage": USAGE, "usage": USAGE}),
}
_OWN: dict[Kind, dict[str, Shape]] = {
    "created": {"interaction": INTERACTION},
    "status": {
        "interaction_id": PLAIN,
        "interaction": INTERACTION,
        "status": Word(STATUSES),
        "usage": USAGE,
        "continuation_token": PLAIN,
    },
    "started": {"index": PLAIN, "step": Typed(STEPS), "content": ITEM},
    "delta": {"index": PLAIN, "delta": DELTA},
    "stopped": {"index": PLAIN, "usage": USAGE, "step_usage": USAGE},
    "ended": {"interaction": INTERACTION},
    "failed": {"error": Either(PLAIN, _ERROR)},
}
EVENTS = {kind: Fields({**_EVENT, **own}) for kind, own in _OWN.items()}
"""Kind of event -> its payload, under the names of both dialects."""
