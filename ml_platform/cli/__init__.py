"""The `mlp` command, one file per noun."""
