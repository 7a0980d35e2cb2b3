"""Run by an SDK's own interpreter: which re-served recordings does it read otherwise than the recorded bytes?

Reads `[{"name", "stream", "ways"}]` from stdin; the server answers a get of `NAME.WAY`. Prints JSON: how many objects
it made of the recorded bytes, what it could not read, and the differences.
"""

import json
import sys
import warnings

from google import genai

warnings.simplefilter("ignore")
client = genai.Client(api_key="test-key")
interactions = client.interactions


def seen(name, stream):
    """The objects that an app gets, with their classes; an exception is one too."""
    try:
        answer = interactions.get(name, stream=True) if stream else [interactions.get(name)]
        return [whole(one) for one in answer]
    except Exception as error:
        return [{"raised": type(error).__name__, "text": str(error)[:300].replace(name, "")}]


def whole(value):
    """An object of the SDK down to its last attribute, unknown ones included."""
    if isinstance(value, (list, tuple)):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {str(name): whole(one) for name, one in value.items()}
    if hasattr(value, "model_fields_set"):
        extra = getattr(value, "__pydantic_extra__", None) or {}
        names = [*type(value).model_fields, *extra]
        return {"": type(value).__name__, **{name: whole(getattr(value, name, None)) for name in names}}
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def difference(left, right, path="$"):
    """The first place at which two values differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in [*left, *(name for name in right if name not in left)]:
            if left.get(name) != right.get(name):
                return difference(left.get(name), right.get(name), f"{path}.{name}")
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for n, (one, other) in enumerate(zip(left, right, strict=True)):
            if one != other:
                return difference(one, other, f"{path}[{n}]")
    return f"{path}: {str(left)[:300]} != {str(right)[:300]}"


result = {"objects": 0, "unread": [], "differences": []}
for case in json.load(sys.stdin):
    recorded = seen(f"{case['name']}.recorded", case["stream"])
    result["objects"] += len(recorded)
    if any("raised" in one for one in recorded):
        result["unread"].append([case["name"], recorded])
    for way in case["ways"]:
        served = seen(f"{case['name']}.{way}", case["stream"])
        if served != recorded:
            result["differences"].append([case["name"], way, difference(recorded, served)])
json.dump(result, sys.stdout)
