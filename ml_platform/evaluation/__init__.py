"""Metrics on held-out partitions, baselines, champion against challenger, gates."""
