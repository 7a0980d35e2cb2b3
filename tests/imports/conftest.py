"""mitmproxy's reader and writer of flows, imported once: the import itself warns."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mitmproxy.io  # noqa: F401
