"""Who makes an interactive cluster, and how it is called if nobody says."""

import getpass
import os
import re
import socket


def this_person() -> str:
    """`user@host` of this process; the user's number where it has no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def default_name(owner: str) -> str:
    """`dev-ada` for `ada@laptop`: the same each time, so that `up` again finds the cluster."""
    user = re.sub(r"[^a-z0-9]+", "-", owner.partition("@")[0].lower()).strip("-")
    return f"dev-{user}"[:40].rstrip("-")
