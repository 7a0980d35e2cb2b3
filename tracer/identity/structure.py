"""What the look of an id tells of its conversation: a hint, for records that nothing else links.

The ids of the service are `v1_` and the base64url of a protobuf message of two strings. In a first turn both are
the same; in the second turn of every recorded pair the first string is the first turn's. Whether a third turn would
name the first turn or the second one is not known, and nothing documents any of it: what comes of this names the
conversation surely enough, the place in it not.
"""

from __future__ import annotations

import base64
import binascii

_PREFIX = "v1_"
_FIRST, _SECOND = 0x0A, 0x12
"""The tags of the two fields, both length-delimited (protobuf encoding, "Message Structure")."""
_LONGEST = 127
"""A longer string would have a length of two bytes; recorded ones have 23 characters."""


def first_turn(interaction_id: str) -> str | None:
    """The id of the first turn that this id of a later turn names; None for a first turn's own and any other id."""
    found = _strings(interaction_id)
    return None if found is None or found[0] == found[1] else _written(found[0], found[0])


def later_turns(interaction_id: str) -> str | None:
    """What the ids of all later turns begin with, if this is the id of a first turn."""
    found = _strings(interaction_id)
    if found is None or found[0] != found[1]:
        return None
    first = found[0]
    # Of the characters that the second string has a part in, none.
    return interaction_id[: len(_PREFIX) + (len(first) + 3) * 8 // 6]


def _strings(interaction_id: str) -> tuple[bytes, bytes] | None:
    if not interaction_id.startswith(_PREFIX):
        return None
    text = interaction_id.removeprefix(_PREFIX)
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) < 4 or data[0] != _FIRST or data[1] > _LONGEST:
        return None
    first, rest = data[2 : 2 + data[1]], data[2 + data[1] :]
    if not first or len(rest) < 3 or rest[0] != _SECOND or rest[1] != len(rest) - 2 or rest[1] > _LONGEST:
        return None
    found = first, rest[2:]
    return found if _written(*found) == interaction_id else None


def _written(first: bytes, second: bytes) -> str:
    data = bytes((_FIRST, len(first))) + first + bytes((_SECOND, len(second))) + second
    return _PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()
