"""Bytes and times as they crossed: exchanges, frames, server-sent events, routes, redaction. No I/O."""
