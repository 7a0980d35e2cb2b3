"""Which exchanges are one interaction, as a function of the set of exchanges and never of the order they arrived in.

Every create opens a group, unless it is

- a retry: an attempt with the same fingerprint ended retryably and nothing has followed it up yet, and the gap is
  below ten seconds or what the answer announced (WIRE.md section 14), or
- a continuation: its `continuation_token` is one that an earlier create's response gave (WIRE.md section 11).

get, resume, cancel and delete join the newest earlier create that was given their id. With no earlier create they
form a group of their own around the id. An empty or absent id joins nothing. An id that two creates were given
leaves two groups (a seeded emulator does that). "Earlier" compares starts; at the same instant a create comes first.

`read` reduces an exchange to the `Facts` that decide this, so a store can regroup without opening bodies again.
"""

from __future__ import annotations

from tracer.identity.facts import RETRY_GAP_US, RETRY_SLACK_US, Facts, read, storable
from tracer.identity.groups import Group, ghost_key, group

__all__ = ["RETRY_GAP_US", "RETRY_SLACK_US", "Facts", "Group", "ghost_key", "group", "read", "storable"]
