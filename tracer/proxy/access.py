"""Who may use the proxy: everybody on this machine, or those who know the token."""

from __future__ import annotations

import base64
import binascii
import hmac

PREFIX = "/t/"
"""Before the token, as the first segment of a path in reverse mode."""


class Access:
    """Compares tokens in constant time. Without a token everybody may in."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token else None

    @property
    def path(self) -> str:
        """What stands before every path in reverse mode; empty without a token."""
        return f"{PREFIX}{self._token.decode()}" if self._token else ""

    def inside(self, path: str) -> str | None:
        """The path behind the token; None without the right one."""
        if self._token is None:
            return path
        if not path.startswith(PREFIX):
            return None
        token, slash, rest = path[len(PREFIX) :].partition("/")
        return slash + rest if slash and self._same(token) else None

    def admits(self, proxy_authorization: str) -> bool:
        """Whether a `Proxy-Authorization` header carries the token: as Bearer, or as either half of Basic."""
        if self._token is None:
            return True
        scheme, _, value = proxy_authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self._same(value.strip())
        if scheme.lower() != "basic":
            return False
        try:
            name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return self._same(password) or self._same(name)

    def _same(self, token: str) -> bool:
        return self._token is not None and hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token)
