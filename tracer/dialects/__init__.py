"""One file per dialect, both directions; `base.py` is the contract."""
