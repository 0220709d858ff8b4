"""Serve the repaired emulator until the test process goes away. Runs in the emulator's environment.

`python -m tests.support.bigquery_emulator.server --host H --port P --grpc-port G --data-dir D`
"""

import os
import sys
import threading

import duckdb_extensions  # type: ignore[import-not-found]


def main() -> None:
    """Install the extensions from their wheels, repair, and serve."""
    for extension in ("ducklake", "icu", "spatial"):
        duckdb_extensions.import_extension(extension)  # into HOME, so that nothing is downloaded
    threading.Thread(target=_exit_with_parent, daemon=True).start()

    from local_bigquery import cli  # type: ignore[import-not-found]

    from tests.support.bigquery_emulator.repairs import (
        catalog,
        scan_bytes,
        statements,
        storage_read,
    )

    catalog.count_rows()
    catalog.tell_when_partitions_changed()
    catalog.keep_what_a_clone_copies()
    catalog.report_created_tables()
    scan_bytes.count_bytes()
    statements.take_a_time_zone_from_a_column()
    statements.set_variables_from_a_row()
    storage_read.read_the_past()
    cli.main(sys.argv[1:])


def _exit_with_parent() -> None:
    # The parent holds the other end of standard input; it closes however the parent ends.
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
