"""Cassettes: the files that tests replay."""
