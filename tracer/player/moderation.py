"""Whether a text may be published: a judgement by words, always the same."""

from __future__ import annotations

import re

_HARMS = {
    "harassment": r"hate you|despise you|you(?:'re| are) (?:so |such )?(?:an? )?"
    r"(?:terrible|stupid|awful|ugly|useless|worthless|disgusting|pathetic|loser|fool)|shut up|idiots?|morons?",
    "hate_speech": r"hate (?:all|those|these) \w+|go back to your country|subhuman",
    "violence": r"kill|murder|shoot|stab|strangle|beat you|hurt you|attack (?:him|her|them|you)|bomb",
    "self_harm": r"suicide|self[- ]harm|cut myself|end my life",
    "sexual_content": r"porn\w*|nudes?|explicit sex|sexual(?:ly)? explicit",
    "dangerous_content": r"build a (?:weapon|bomb)|make explosives|poison (?:him|her|them|someone)",
    "spam": r"buy now|click here|free money|you(?:'ve| have) won|limited offer",
}
_PATTERNS = {harm: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for harm, words in _HARMS.items()}
_GOOD = re.compile(r"(^|_)(safe|appropriate|acceptable|allowed|approved|compliant|clean|publishable)$")
_BAD = re.compile(
    r"(^|_)(unsafe|flagged|blocked|toxic|harmful|offensive|abusive|inappropriate|spam|hateful|violation|nsfw|rejected)$"
)
_LISTS = re.compile(r"(^|_)(categories|harms|violations|flags|reasons|labels|issues)$")


def harms(text: str) -> list[str]:
    """The kinds of harm that a text does; empty for most."""
    return [harm for harm, pattern in _PATTERNS.items() if pattern.search(text)]


def verdict(field: str, text: str) -> bool | None:
    """What a field such as `is_safe` or `flagged` says of a text; None if its name asks for no judgement."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", field).lower()
    if _GOOD.search(name):
        return not harms(text)
    return bool(harms(text)) if _BAD.search(name) else None


def lists_harms(field: str) -> bool:
    """Whether a field beside such a verdict holds the kinds of harm."""
    return _LISTS.search(field.lower()) is not None
