"""The record: pydantic models of an interaction, its steps, usage, timing and cost. Unknown fields are kept."""
