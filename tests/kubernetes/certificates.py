"""Certificates that are their own authority, for servers of tests and who asks them."""

import base64
import subprocess
from pathlib import Path


def self_signed(folder: Path, name: str, *, address: str) -> None:
    """Write `<name>.key` and `<name>.crt`, for the name and an IP address."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}"),
            *("-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")),
        ],
        check=True,
        capture_output=True,
    )


def encoded(file: Path) -> str:
    """A file as a kubeconfig has it in it."""
    return base64.b64encode(file.read_bytes()).decode()
