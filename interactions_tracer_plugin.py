"""The pytest entry point: a name that nobody else has."""
