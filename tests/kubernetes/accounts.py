"""Accounts with the roles of `deploy/rbac.yaml`, and the cluster as they see it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from ml_platform.settings import PROJECT_ROOT
from tests.kubernetes.testbed.cluster import Cluster

FILE: Final = PROJECT_ROOT / "deploy" / "rbac.yaml"
STEP: Final = "ml-platform-step"
OUTSIDE: Final = "ml-platform-outside"
_TOKEN_LASTS: Final = "6h"


def make_account(cluster: Cluster, namespace: str, name: str, *roles: str) -> None:
    """Make an account that has these roles of the file in its namespace."""
    where = f"--namespace={namespace}"
    cluster.kubectl("create", "serviceaccount", name, where)
    cluster.kubectl("apply", where, f"--filename={FILE}")
    whom = f"--serviceaccount={namespace}:{name}"
    for role in roles:
        cluster.kubectl("create", "rolebinding", f"{name}-{role}", where, f"--role={role}", whom)


def as_account(cluster: Cluster, namespace: str, name: str, folder: Path) -> Cluster:
    """The cluster for who has nothing but a token of the account.

    Args:
        cluster: The same, as its administrator.
        namespace: The account's.
        name: The account's.
        folder: For the kubeconfig.
    """
    view = ("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    said = json.loads(cluster.kubectl(*view))
    where = (f"--namespace={namespace}", f"--duration={_TOKEN_LASTS}")
    said["users"][0]["user"] = {"token": cluster.kubectl("create", "token", name, *where).strip()}
    kubeconfig = folder / f"kubeconfig-of-{name}"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(said))
    return replace(cluster, kubeconfig=kubeconfig)
