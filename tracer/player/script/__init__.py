"""The emulator's script language: rules that say when and what, as YAML or as Python objects (docs/emulator.md)."""
