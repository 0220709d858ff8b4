"""The assets of this code location, found by themselves; a model is one folder under `models/`."""
