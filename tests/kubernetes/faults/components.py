"""A program of the node, or the operator, that is away, hangs or starts anew.

The end of such a fault waits for the program, and then until the node takes pods again.
"""

import contextlib
from collections.abc import Iterator

from tests.kubernetes.faults.recovery import until_node_is_back
from tests.kubernetes.testbed.components import Component
from tests.kubernetes.testbed.kuberay import KubeRay
from tests.kubernetes.testbed.node import Node


@contextlib.contextmanager
def stopped(node: Node, name: str) -> Iterator[Component]:
    """A component that does not run: connections to it are refused.

    Args:
        node: Whose.
        name: A name of `node.COMPONENTS`, such as `kube-apiserver`.
    """
    component = node.component(name)
    component.stop()
    try:
        yield component
    finally:
        component.start()
        until_node_is_back(node, after=name)


@contextlib.contextmanager
def frozen(node: Node, name: str) -> Iterator[Component]:
    """A component that hangs: connections to it stay open, and nothing is answered.

    Args:
        node: Whose.
        name: A name of `node.COMPONENTS`, such as `etcd`.
    """
    component = node.component(name)
    try:
        component.freeze()
        yield component
    finally:
        component.thaw()
        # A program may have given up meanwhile, such as one that could not renew a lease.
        component.start()
        until_node_is_back(node, after=name)


@contextlib.contextmanager
def operator_away(kuberay: KubeRay) -> Iterator[None]:
    """No operator: its objects can be made and changed, and nobody acts on them."""
    try:
        kuberay.stop()
        yield
    finally:
        kuberay.start()
