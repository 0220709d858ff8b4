"""A driver that says what it is told and ends: `talker <exit code> <seconds> <line>…`.

`TALKER_FILE` in its environment names a file to which it adds a line, so that runs can be counted.
"""

import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Speak, sleep, exit."""
    exit_code, seconds, *lines = sys.argv[1:]
    if "TALKER_FILE" in os.environ:
        with Path(os.environ["TALKER_FILE"]).open("a") as file:
            file.write("ran\n")
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    time.sleep(float(seconds))
    raise SystemExit(int(exit_code))


if __name__ == "__main__":
    main()
