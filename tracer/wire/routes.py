"""Which requests are Interactions API calls, and which of its operations they are (WIRE.md section 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

type Operation = Literal["create", "get", "resume", "cancel", "delete"]

GEMINI_ORIGIN = "https://generativelanguage.googleapis.com"
VERTEX_ORIGIN = "https://aiplatform.googleapis.com"

_PATH = re.compile(
    r"(?P<prefix>.*?)/(?P<version>v\d\w*)/"
    r"(?:projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/)?"
    r"interactions(?:/(?P<id>[^/:]+)(?:[/:](?P<cancel>cancel))?)?"
)
HOSTS = (
    r"(?:generativelanguage(?:\.mtls)?|(?:[a-z0-9-]+-)?aiplatform(?:\.mtls)?|aiplatform\.(?:us|eu)\.rep)"
    r"\.googleapis\.com"
)
"""The hosts of the Gemini API and of Vertex AI, as a regular expression (WIRE.md section 2)."""
_HOSTS = re.compile(HOSTS)


@dataclass(frozen=True, slots=True)
class Route:
    """An Interactions API call as its request line tells it."""

    operation: Operation
    version: str
    """`v1`, `v1beta`, `v1beta1`, ..."""
    interaction_id: str | None
    prefix: str = ""
    """What a base URL put in front of the version, such as `/some/gateway`."""
    cloud_project: str | None = None
    location: str | None = None

    @property
    def service(self) -> Literal["gemini", "vertex"]:
        """Vertex calls carry a project in the path; express mode can't be told from the path alone."""
        return "vertex" if self.cloud_project else "gemini"


def match(method: str, path: str, query: tuple[tuple[str, str], ...] = ()) -> Route | None:
    """The route of a request, or None if it is not an Interactions call. `path` comes without its query."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    operation = _operation(method.upper(), found["id"], found["cancel"], query)
    if operation is None:
        return None
    return Route(operation, found["version"], found["id"], found["prefix"], found["project"], found["location"])


def _operation(
    method: str, interaction_id: str | None, cancel: str | None, query: tuple[tuple[str, str], ...]
) -> Operation | None:
    if method == "POST":
        if interaction_id is None:
            return "create"
        return "cancel" if cancel else None
    if interaction_id is None or cancel:
        return None
    if method == "GET":
        return "resume" if dict(query).get("stream") == "true" else "get"
    return "delete" if method == "DELETE" else None


def is_service_host(host: str) -> bool:
    """Whether a host name belongs to the Gemini API or to Vertex AI (WIRE.md section 2, hosts)."""
    return _HOSTS.fullmatch(host.lower()) is not None
