"""What is wrong with the fields of a pod that people add."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ml_platform.clusters.kuberay.checks.scalars import (
    Check,
    host_name,
    ip_address,
    label_key,
    label_value,
    object_name,
    string,
    text,
)
from ml_platform.clusters.kuberay.checks.scheduling import affinity, tolerations, topology_spread
from ml_platform.clusters.kuberay.checks.secrets_in_clear import entries_in_clear
from ml_platform.clusters.kuberay.checks.shapes import also, cannot_be_set, list_of, map_of, mapping
from ml_platform.clusters.kuberay.checks.variables import env, env_from
from ml_platform.clusters.kuberay.checks.volumes import mounts, volumes
from ml_platform.clusters.kuberay.checks.words import did_you_mean, is_subdomain
from ml_platform.clusters.kuberay.pod_fields import FIELDS
from ml_platform.wrong_values import kind, of_another_type, shown_name, shown_word

_OURS: Final = ("ray.io", "ml-platform", "kueue.x-k8s.io")
_RECOMMENDED: Final = re.compile(r"app\.kubernetes\.io/(name|created-by|managed-by)")
_HARDENING: Final = re.compile(
    r"container\.(apparmor\.security\.beta|seccomp\.security\.alpha)\.kubernetes\.io/.*"
    r"|seccomp\.security\.alpha\.kubernetes\.io/.*"
)
"""Annotations that would loosen what the pod's security context says."""
_MOST_NAMESERVERS: Final = 3
_MOST_SEARCHES: Final = 32
_LONGEST_SEARCHES: Final = 2048


def pod_field_mistakes(where: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a `pod`; `where` says whose, such as `workers.pod`."""
    for name, value in fields.items():
        wanted = FIELDS.get(name)
        if wanted is None:
            yield cannot_be_set(where, name, FIELDS)
        elif not isinstance(value, wanted):
            yield of_another_type(f"{where}.{name}", value, kind(wanted()))
        else:
            yield from _CHECKS[name](f"{where}.{name}", value)


def scheduler_mistakes(
    where: str, fields: Mapping[str, Any], known: Sequence[str]
) -> Iterator[str]:
    """A scheduler that nobody is: its pods would wait without a word, not even an Event."""
    name = fields.get("schedulerName")
    if name is not None and name not in known:
        near = did_you_mean(str(name), known)
        yield (
            f"{where}.schedulerName is {shown_word(name)}{near or ';'} these are known: "
            f"{', '.join(known)}; the configuration's `schedulers` lists more"
        )


def _metadata_key(where: str, value: Any) -> Iterator[str]:
    domain, said = str(value).rpartition("/")[0], f"{where} is {shown_name(value)}"
    ours = any(domain == one or domain.endswith(f".{one}") for one in _OURS)
    if ours or _RECOMMENDED.fullmatch(str(value)):
        yield f"{said}, which KubeRay and the platform write; remove it"
    elif _HARDENING.fullmatch(str(value)):
        yield f"{said}, which the pod's security context says already; remove it"
    else:
        yield from label_key(where, value)


def _is_search(name: str) -> bool:
    return name == "." or is_subdomain(name.removesuffix(".").replace("_", "-"))


def _search_rules(where: str, value: list[str]) -> Iterator[str]:
    length = len(" ".join(value))
    if length > _LONGEST_SEARCHES:
        yield f"{where} has {length} characters together, wanted at most {_LONGEST_SEARCHES}"


def _no_secrets(where: str, value: dict[str, str]) -> Iterator[str]:
    instead = "everybody who may see the pod reads it: leave it out"
    yield from entries_in_clear(where, value, instead=instead)


_DNS: Final = mapping(
    {
        "nameservers": list_of(ip_address, most=_MOST_NAMESERVERS),
        "searches": also(
            list_of(text(_is_search, "a domain, in lower case"), most=_MOST_SEARCHES),
            _search_rules,
        ),
        "options": list_of(
            mapping({"name": text(bool, "a name"), "value": string}, required=("name",))
        ),
    }
)
_CHECKS: Final[Mapping[str, Check]] = {
    "affinity": affinity,
    "annotations": also(map_of(_metadata_key, string), _no_secrets),
    "dnsConfig": _DNS,
    "env": env,
    "envFrom": env_from,
    "hostAliases": list_of(
        mapping({"ip": ip_address, "hostnames": list_of(host_name)}, required=("ip", "hostnames"))
    ),
    "imagePullSecrets": list_of(mapping({"name": object_name}, required=("name",))),
    "labels": also(map_of(_metadata_key, label_value), _no_secrets),
    "nodeSelector": map_of(label_key, label_value),
    "priorityClassName": object_name,
    "runtimeClassName": object_name,
    "schedulerName": object_name,
    "tolerations": tolerations,
    "topologySpreadConstraints": topology_spread,
    "volumeMounts": mounts,
    "volumes": volumes,
}
