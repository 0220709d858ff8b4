"""`make kubernetes-programs`, `-up` and `-down`: the testbed from the command line."""

import argparse
import shlex
import sys
import time

from tests.kubernetes.testbed import kuberay, layout, node, object_storage, programs
from tests.kubernetes.testbed.cluster import ClusterError
from tests.kubernetes.testbed.errors import KubernetesTestError


def build() -> None:
    """Build the node's programs, where they are not in the cache."""
    missing = programs.missing()
    if missing:
        raise node.NodeError(missing)
    programs.built(_say)


def up(*, with_kuberay: bool) -> None:
    """Bring the node up, with KubeRay, and say how to look at it."""
    build()
    started = time.monotonic()
    it = node.up(_say)
    _say(f"the node is ready after {time.monotonic() - started:.1f} s")
    if with_kuberay:
        which = kuberay.chosen()
        if which == kuberay.CLUSTER:
            raise ClusterError(f"{kuberay.VARIABLE}={kuberay.CLUSTER} needs no testbed")
        kuberay.install(it.cluster, which)
        _say(f"KubeRay ({which}) is ready after {time.monotonic() - started:.1f} s")
    _say(f"export KUBECONFIG={it.kubeconfig}")
    _say(f"export STORAGE_EMULATOR_HOST={object_storage.URL}")
    _say(f"alias kubectl={shlex.quote(it.cluster.kubectl_program)}")


def main() -> int:
    """Carry out the command; an error is a message and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.kubernetes.testbed")
    commands = parser.add_subparsers(dest="command", required=True)
    upwards = commands.add_parser("up", help="bring the node up; one that is up stays")
    upwards.add_argument("--without-kuberay", action="store_true", help="the node alone")
    commands.add_parser("build", help="build the node's programs; what is in the cache stays")
    commands.add_parser("down", help="take the node down; nothing of it is left")
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "build":
                build()
            case "up":
                up(with_kuberay=not arguments.without_kuberay)
            case _:
                node.down()
    except KubernetesTestError as error:
        sys.stderr.write(f"{error}\n")
        if arguments.command == "up" and layout.FOLDER.exists():
            sys.stderr.write("`make kubernetes-down` removes what has started\n")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
