"""The command line: one file per verb. `output.py` owns stdout, `diagnostics.py` stderr and the exit codes."""
