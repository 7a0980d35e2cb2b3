"""`--interactions-verify`: the cassettes of the collected tests against the service, without running the tests."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tracer.errors import CassetteError
from tracer.pytest_plugin.naming import cassette_path, marker_arguments
from tracer.serve.drift import SEVERITIES, drifts
from tracer.serve.session import KEY_VARIABLES
from tracer.wire import routes


def verify(session: pytest.Session) -> bool:
    """Tell the drift of every cassette; the run fails for what is as bad as `--interactions-drift`, or worse."""
    config = session.config
    key = next((value for name in KEY_VARIABLES if (value := os.environ.get(name))), None)
    if key is None:
        raise pytest.UsageError(f"--interactions-verify calls the service: set {KEY_VARIABLES[0]}")
    base = os.environ.get("GOOGLE_GEMINI_BASE_URL") or routes.GEMINI_ORIGIN
    bad = SEVERITIES[: SEVERITIES.index(config.getoption("--interactions-drift")) + 1]
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    marked = [item for item in session.items if item.get_closest_marker("interactions") is not None]
    cassettes = {cassette_path(item, marker_arguments(item).get("cassette")): item for item in marked}
    for cassette in cassettes:
        name = os.path.relpath(cassette, config.invocation_params.dir)
        if not cassette.exists():
            reporter.write_line(f"{name}: there is no such cassette yet")
            session.testsfailed += 1
            continue
        try:
            found = list(drifts(cassette, base, key))
        except CassetteError as error:
            reporter.write_line(str(error))
            session.testsfailed += 1
            continue
        reporter.write_line(f"{name}: {'no drift' if not found else ''}".rstrip(" "))
        for drift in sorted(found, key=lambda drift: SEVERITIES.index(drift.severity)):
            reporter.write_line(f"  {drift.severity:<9}  {drift.number}: {drift.request}: {drift.what}")
        session.testsfailed += any(drift.severity in bad for drift in found)
    return True
