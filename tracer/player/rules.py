"""The built-in source of answers: what a model might say, worked out from the conversation and from nothing else.

It remembers what it was told, calls declared functions with arguments that fit their schema, uses their results,
fills JSON schemas, runs server tools, draws, thinks, researches, and makes trouble when a prompt asks for it
(`prompts.MAGIC_WORDS`).
"""

from __future__ import annotations

import json
import re
from typing import Any

from tracer.events import JsonObject
from tracer.player import computer, functions, media, prompts, server_tools, tool_search, usage
from tracer.player.failures import Failure
from tracer.player.ids import digest
from tracer.player.research import report
from tracer.player.schemas import Filler, schema_of
from tracer.player.turn import Answer, Turn

_BULLETS = re.compile(r"(\d{1,2}|two|three|four|five) (?:short |key |main )?(?:bullet|point)", re.IGNORECASE)
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5}
_SUGGEST = re.compile(
    r"^(?:please )?(?:suggest|recommend|find|propose) (?:me )?(.+?)(?: instead)?[.?!]*$", re.IGNORECASE
)
_EXPLAIN = re.compile(r"^(?:please )?(?:explain|describe|tell me)(?: in [a-z]+ [a-z]+)? (.+?)[.?!]*$", re.IGNORECASE)
_CALLS = ("function_call",)


class Rules:
    """The same turn always gets the same answer; ids and signatures come from the turn's mint."""

    def answer(self, turn: Turn) -> Answer | Failure:
        """What the model does with the turn, or the error its prompt asked for."""
        turn = turn.without_history()
        asked = prompts.text_of(turn.input)
        trouble = prompts.trouble_in(asked)
        if trouble.status is not None and (trouble.times is None or turn.attempt < trouble.times):
            return Failure(trouble.status)
        if trouble.breaks == "refusal" and not turn.request.get("stream"):
            return Failure(400, "The request was blocked by the content filter.", "prohibited_content")
        if trouble.breaks == "error" and not turn.request.get("stream") and not turn.request.get("background"):
            return Failure(500)
        steps = _steps(turn, prompts.without_magic(asked))
        if trouble.job or trouble.breaks in ("error", "refusal"):
            code = "prohibited_content" if trouble.breaks == "refusal" else "internal_error"
            error = {"code": code, "message": "The job failed because the prompt asked for it."}
            kept = steps if trouble.breaks else steps[:1]
            return Answer(steps=kept, status="failed", errors=(error,), polls=trouble.polls, breaks=trouble.breaks)
        if trouble.continuation:
            return Answer(steps=_first_half(steps), status="requires_continuation")
        return Answer(
            steps=steps,
            status=_status(turn, steps, trouble),
            polls=trouble.polls,
            breaks=trouble.breaks,
            queued=1 if trouble.queued else 0,
        )


def _status(turn: Turn, steps: list[JsonObject], trouble: prompts.Trouble) -> str:
    if any(step["type"] in _CALLS for step in steps):
        return "requires_action"
    if trouble.budget or _over_budget(turn, steps):
        return "budget_exceeded"
    early = _shortened(steps, turn) or trouble.early
    return "incomplete" if early else "completed"


def _over_budget(turn: Turn, steps: list[JsonObject]) -> bool:
    # An agent may be given a number of tokens, as an integer or as a string of one.
    config = turn.request.get("agent_config")
    budget = str(config.get("max_total_tokens", "")) if isinstance(config, dict) else ""
    if not (budget.isascii() and budget.isdigit() and len(budget) < 16):
        return False
    counted = usage.count(turn.request, turn.input, turn.context, steps)
    return bool(counted["total_tokens"] > int(budget))


def _steps(turn: Turn, prompt: str) -> list[JsonObject]:
    if turn.request.get("continuation_token"):
        return [_text("And this is the rest of the answer.")]
    if turn.agent is not None:
        return report(turn, prompt)
    results = [step for step in turn.input if step.get("type") == "function_result"]
    if results:
        question = prompts.without_magic(_last_question(turn.context))
        thoughts = _thoughts(turn, "Using the results")
        acted = computer.next_action(turn, question)
        if tool_search.is_answered(turn):
            acted = functions.calls(turn, question)
        return [*thoughts, *(acted or _result_steps(turn, results, question))]
    thoughts = _thoughts(turn, f'Considering "{prompt[:60]}"')
    called = functions.calls(turn, prompt)
    if called:
        return [*thoughts, *tool_search.loaded(turn, called), *called]
    schema = schema_of(turn.request)
    if schema is not None:
        return [*thoughts, _json_text(schema, prompt, prompts.text_of(turn.context))]
    made = _media_output(turn, prompt)
    if made:
        return [*thoughts, *made]
    if not prompts.is_small_talk(prompt):
        ran = computer.next_action(turn, prompt) or server_tools.run(turn, prompt) or tool_search.in_vain(turn)
        if ran:
            return [*thoughts, *ran]
    return [*thoughts, _text(_said(turn, prompt))]


def _result_steps(turn: Turn, results: list[JsonObject], question: str) -> list[JsonObject]:
    schema = schema_of(turn.request)
    text = functions.results_text(results, question)
    return [_json_text(schema, question, text)] if schema is not None else [_text(text)]


def _thoughts(turn: Turn, about: str) -> list[JsonObject]:
    config = turn.config()
    level, summaries = config.get("thinking_level"), config.get("thinking_summaries")
    thought: JsonObject = {"type": "thought", "signature": turn.mint.signature()}
    if summaries == "auto" or (level and level != "minimal" and summaries != "none"):
        thought["summary"] = [
            {"type": "text", "text": f"**{about}**\n\nI look at what was asked and at what I know.\n"}
        ]
    return [thought]


def _json_text(schema: Any, prompt: str, before: str) -> JsonObject:
    # A schema is filled from the prompt first, then from what was said before.
    value = Filler(f"{prompt}\n{before}", about=prompt).value(schema)
    return _text(json.dumps(value, ensure_ascii=False))


def _media_output(turn: Turn, prompt: str) -> list[JsonObject]:
    formats = turn.request.get("response_format")
    asked = [one.get("type") for one in (formats if isinstance(formats, list) else [formats]) if isinstance(one, dict)]
    modalities = turn.request.get("response_modalities")
    asked += [str(one).lower() for one in modalities] if isinstance(modalities, list) else []
    seed = digest(0, prompt)
    made: list[JsonObject] = []
    if "image" in asked:
        made.append({"type": "image", "mime_type": "image/png", "data": media.png(seed)})
    if "audio" in asked:
        made.append({"type": "audio", "mime_type": "audio/wav", "data": media.wav(220 + seed[0] * 2)})
    if "video" in asked:
        made.append({"type": "video", "mime_type": "video/mp4", "uri": f"https://example.com/{seed.hex()[:16]}.mp4"})
    if made and "text" in asked:
        made.insert(0, {"type": "text", "text": f"Here is what you asked for: {prompts.quoted(prompt)}"})
    return [{"type": "model_output", "content": [content]} for content in made]


def _said(turn: Turn, prompt: str) -> str:
    attached = [part for part in prompts.contents(turn.input) if part.get("type") in _MEDIA]
    if attached:
        return f'{_received(attached)} About "{prompts.quoted(prompt)}": this emulator looks at sizes and types only.'
    known = prompts.facts(f"{prompts.text_of(turn.context)}\n{prompt}")
    wanted = prompts.asked_fact(prompt)
    if wanted is not None:
        value = known.get(wanted)
        return f"Your {wanted} is {value}." if value else f"You have not told me your {wanted} yet."
    told = prompts.facts(prompt)
    if "name" in told:
        return f"Hello {told['name']}! Nice to meet you. How can I help?"
    if told:
        return " ".join(f"I will remember that your {what} is {value}." for what, value in told.items())
    outputs = [step for step in turn.context if step.get("type") == "model_output"]
    before = prompts.text_of(outputs[-1:], "model_output")
    if before and (rewritten := _rewritten(prompt, before)):
        return rewritten
    if prompts.is_small_talk(prompt):
        return f"Hello{' ' + known['name'] if 'name' in known else ''}! How can I help you today?"
    return _talk(prompts.quoted(prompt))


def _talk(prompt: str) -> str:
    if found := _SUGGEST.search(prompt):
        return f"I suggest {found[1]}: one that is close by, well rated and open today. Shall I look for another one?"
    if found := _EXPLAIN.search(prompt):
        topic = found[1][:1].upper() + found[1][1:]
        return f"{topic}, in short: first comes the idea, then an example, and last what it is good for."
    return f'Here is what I can say about "{prompt}": this emulator has no model, so it always says the same.'


_MEDIA = ("image", "audio", "video", "document")


def _received(attached: list[JsonObject]) -> str:
    described = []
    for part in attached:
        data, uri = part.get("data"), part.get("uri")
        size = f"{len(data) * 3 // 4 - data[-2:].count('=')} bytes" if isinstance(data, str) else f"at {uri}"
        described.append(f"{part['type']} ({part.get('mime_type') or 'no type given'}, {size})")
    return f"I received {len(described)} attachment{'s' if len(described) > 1 else ''}: {', '.join(described)}."


def _rewritten(prompt: str, before: str) -> str | None:
    last = before.strip()
    sentences = [s.strip(" -#*\n") for s in re.split(r"(?<=[.!?])\s+|\n+", last) if s.strip(" -#*\n")]
    if found := _BULLETS.search(prompt):
        wanted = _COUNTS.get(found[1].lower()) or int(found[1])
        return "\n".join(f"- {sentence}" for sentence in (sentences * wanted)[:wanted])
    lower = prompt.lower()
    if "summar" in lower or "shorten" in lower:
        return f"In short: {sentences[0]}"
    if "markdown" in lower:
        return "\n".join(["# Answer", "", *(f"- {sentence}" for sentence in sentences)])
    if "translate" in lower or "repeat" in lower:
        return last
    return None


def _first_half(steps: list[JsonObject]) -> list[JsonObject]:
    for step in steps:
        for content in prompts.contents([step], "model_output"):
            if content.get("type") == "text":
                half = content["text"].find(" ", len(content["text"]) // 2)
                content["text"] = content["text"][: half + 1]
                content.pop("annotations", None)
    return steps


def _shortened(steps: list[JsonObject], turn: Turn) -> bool:
    # Cuts text at `max_output_tokens`, four characters each; whether anything was cut.
    limit = turn.config().get("max_output_tokens")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit <= 0:
        return False
    cut = False
    for content in prompts.contents(steps, "model_output"):
        if len(content.get("text", "")) > limit * 4:
            content["text"] = content["text"][: limit * 4]
            content.pop("annotations", None)
            cut = True
    return cut


def _last_question(context: list[JsonObject]) -> str:
    asked = [step for step in context if step.get("type") == "user_input"]
    return prompts.text_of(asked[-1:])


def _text(text: str) -> JsonObject:
    return {"type": "model_output", "content": [{"type": "text", "text": text}]}
