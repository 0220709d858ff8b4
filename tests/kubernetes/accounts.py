"""Accounts with the roles of `deploy/rbac.yaml`, and the cluster as they see it."""

import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ml_platform.settings import PROJECT_ROOT
from tests.kubernetes.faults.api_script import Seen
from tests.kubernetes.testbed.cluster import Cluster

FILE: Final = PROJECT_ROOT / "deploy" / "rbac.yaml"
STEP: Final = "ml-platform-step"
OUTSIDE: Final = "ml-platform-outside"
_TOKEN_LASTS: Final = "6h"
_VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OF_NAMESPACE: Final = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/namespaces/[^/]+"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>[^/]+))?)?"
)

Right = tuple[str, str, str, str]
"""Verb, API group, resource with its subresource, and the one name that it holds for, or empty."""


def make_account(cluster: Cluster, namespace: str, name: str, *roles: str) -> None:
    """Make an account that has these roles of the file in its namespace."""
    where = f"--namespace={namespace}"
    cluster.kubectl("create", "serviceaccount", name, where)
    cluster.kubectl("apply", where, f"--filename={FILE}")
    whom = f"--serviceaccount={namespace}:{name}"
    for role in roles:
        cluster.kubectl("create", "rolebinding", f"{name}-{role}", where, f"--role={role}", whom)


def rights(rules: Iterable[Mapping[str, Any]]) -> set[Right]:
    """Rules, as the API writes them, one by one."""
    return {
        (verb, group, resource, name)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or [""]
    }


def asked_for(seen: Iterable[Seen]) -> set[Right]:
    """The rights in a namespace that requests took, as the API server reads them; of any name."""
    found = set()
    for one in seen:
        url = urllib.parse.urlsplit(one.path)
        match = _OF_NAMESPACE.match(url.path)
        if match is None:  # what groups there are, which everybody may ask
            continue
        reads = "watch" if "watch" in urllib.parse.parse_qs(url.query) else "list"
        verb = _VERBS.get(one.method) or ("get" if match["name"] else reads)
        resource = "/".join(filter(None, (match["resource"], match["subresource"])))
        found.add((verb, match["group"] or "", resource, ""))
    return found


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
