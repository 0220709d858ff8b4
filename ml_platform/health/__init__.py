"""Is everything there that the platform needs? What `mlp doctor` and the pages show."""
