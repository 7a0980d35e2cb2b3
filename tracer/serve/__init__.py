"""Answers over loopback HTTP and inside the process."""
