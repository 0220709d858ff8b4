"""The API of a Kubernetes cluster, the testbed's or another one, for tests that only look at it."""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.kubernetes.testbed.errors import KubernetesTestError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

# On a cluster of one's own, the name of an image with the project that its nodes have.
_IMAGE_VARIABLE: Final = "MLP_TESTBED_IMAGE"
_ACCOUNT_S: Final = 30


class ClusterError(KubernetesTestError):
    """kubectl failed, or a variable that names the cluster is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A cluster as its administrator."""

    kubeconfig: Path
    kubectl_program: str
    # Pods name it with `imagePullPolicy: Never`.
    image: str
    another_image: str

    def client(self) -> "ApiClient":
        """A client of the API; close it, or use it in a `with`."""
        from kubernetes.config import new_client_from_config

        return new_client_from_config(config_file=str(self.kubeconfig))

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout_s: float = 90.0) -> str:
        """Run kubectl; its standard output.

        Raises:
            ClusterError: it failed; with what it said.
        """
        done = subprocess.run(
            [
                self.kubectl_program,
                f"--kubeconfig={self.kubeconfig}",
                # What it remembers goes when the configuration goes, not into one's home.
                f"--cache-dir={self.kubeconfig.parent}/cache",
                *arguments,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if done.returncode:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    def get(self, *what: str) -> dict[str, Any]:
        """What `kubectl get` has of one object, or of several as `items`.

        Raises:
            ClusterError: there is none of this name.
        """
        return dict(json.loads(self.kubectl("get", *what, "--output=json")))

    @contextlib.contextmanager
    def namespace(self, name: str, *, within_s: int = _ACCOUNT_S) -> Iterator[str]:
        """A fresh namespace whose pods are gone soon after.

        Args:
            name: What its name begins with, such as a test's name; other characters become `-`.
            within_s: How long Kubernetes may take to make its account.
        """
        readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-")
        unique = f"{readable}-{secrets.token_hex(2)}"
        self.kubectl("create", "namespace", unique)
        try:
            # A pod made before the account exists is refused.
            account = ("serviceaccount/default", f"--namespace={unique}")
            wait = ("wait", *account, "--for=create", f"--timeout={within_s}s")
            self.kubectl(*wait, timeout_s=within_s + _ACCOUNT_S)
            yield unique
        finally:
            self.kubectl("delete", "namespace", unique, "--wait=false")
            everything = ("--all", f"--namespace={unique}", "--wait=false")
            self.kubectl("delete", "pods", *everything, "--grace-period=0", "--force")


def external() -> Cluster:
    """The cluster that `KUBECONFIG` names, such as kind on a laptop.

    Raises:
        ClusterError: a variable is missing; the message says which.
    """
    kubeconfig = os.environ.get("KUBECONFIG")
    image = os.environ.get(_IMAGE_VARIABLE)
    kubectl = shutil.which("kubectl")
    if not kubeconfig or not image or not kubectl:
        raise ClusterError(
            f"KUBERAY=cluster needs KUBECONFIG, {_IMAGE_VARIABLE} (an image with the project that "
            "the nodes have) and kubectl; see tests/kubernetes/README.md"
        )
    return Cluster(
        kubeconfig=Path(kubeconfig),
        kubectl_program=kubectl,
        image=image,
        another_image=image,
    )
