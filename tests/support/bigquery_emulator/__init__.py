"""A BigQuery on this machine for tests: the package `local-bigquery`, repaired where it must be.

`fixtures.py` is the pytest plug-in, `launcher.py` makes the emulator's own environment and starts
it there, `server.py` and `repairs/` run inside it. `broken_streams.py` is a second, small server:
only the Storage Read API, with streams that break when a test says so.
"""
