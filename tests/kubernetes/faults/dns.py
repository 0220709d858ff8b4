"""Names that do not resolve, in the three ways in which that looks different to a program."""

import contextlib
from collections.abc import Iterator
from typing import Final

from tests.kubernetes.faults.components import frozen, stopped
from tests.kubernetes.testbed import layout
from tests.kubernetes.testbed.node import Node

_NAME: Final = "coredns"
_KNOWS_NOTHING: Final = f""".:53 {{
  bind {layout.NODE_ADDRESS}
  health {layout.NODE_ADDRESS}:{layout.DNS_HEALTH_PORT}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""


@contextlib.contextmanager
def silent(node: Node) -> Iterator[None]:
    """Questions are not answered: a lookup takes its full time-out."""
    with frozen(node, _NAME):
        yield


@contextlib.contextmanager
def refusing(node: Node) -> Iterator[None]:
    """There is no server: a lookup fails at once, for now."""
    with stopped(node, _NAME):
        yield


@contextlib.contextmanager
def forgetful(node: Node) -> Iterator[None]:
    """The server answers that no name exists."""
    file = node.folder / "Corefile"
    before = file.read_text()
    try:
        file.write_text(_KNOWS_NOTHING)
        node.component(_NAME).restart()
        yield
    finally:
        file.write_text(before)
        node.component(_NAME).restart()
