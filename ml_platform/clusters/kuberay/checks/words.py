"""Names that Kubernetes takes, and how a mistake in one is said."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

from ml_platform.clusters.kuberay.labels import LONGEST

LABEL_VALUE_RULE: Final = (
    "at most 63 letters, digits, dashes, dots and underscores, with a letter or digit at both ends"
)
LABEL_RULE: Final = "lower-case letters, digits and dashes, a letter or digit at both ends"
OBJECT_RULE: Final = (
    "the name of an object in Kubernetes: lower-case letters, digits, dashes and dots"
)
_DNS_1123_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_1035_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_VARIABLE: Final = re.compile(r"(?!\.\.|\.$)[-._a-zA-Z][-._a-zA-Z0-9]*")
_DATA_KEY: Final = re.compile(r"(?!\.\.|\.$)[-._a-zA-Z0-9]+")
_HOST: Final = r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
_PART: Final = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
# As `distribution/reference` has it, which every runtime of containers asks.
_IMAGE: Final = re.compile(
    rf"(?P<name>(({_HOST}(\.{_HOST})*|\[[0-9a-fA-F:]+\])(:[0-9]+)?/)?{_PART}(/{_PART})*)"
    r"(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64}|@sha512:[0-9a-f]{128})?",
    re.ASCII,
)


def is_dns_label(text: str) -> bool:
    """Whether it can name a namespace."""
    return len(text) <= LONGEST and bool(_DNS_1123_LABEL.fullmatch(text))


def is_dns_1035(text: str) -> bool:
    """Whether it can name a service, and so a cluster of KubeRay."""
    return bool(_DNS_1035_LABEL.fullmatch(text))


def is_subdomain(text: str) -> bool:
    """Whether it can name most objects: secrets, accounts, classes."""
    return len(text) <= 253 and bool(_DNS_SUBDOMAIN.fullmatch(text))


def is_label_value(text: str) -> bool:
    """Whether it can be the value of a label."""
    return len(text) <= LONGEST and bool(_LABEL_VALUE.fullmatch(text))


def is_label_key(text: str) -> bool:
    """Whether it can be the key of a label or an annotation."""
    prefix, slash, name = text.rpartition("/")
    return bool(name) and is_label_value(name) and (is_subdomain(prefix) if slash else True)


def is_variable(text: str) -> bool:
    """Whether it can name a variable of the environment."""
    return bool(_VARIABLE.fullmatch(text))


def is_data_key(text: str) -> bool:
    """Whether it can be a key in a secret or a config map."""
    return len(text) <= 253 and bool(_DATA_KEY.fullmatch(text))


def is_image(text: str) -> bool:
    """Whether it can name a container image."""
    match = _IMAGE.fullmatch(text)
    return match is not None and len(match["name"]) <= 255


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean memory?`, or nothing if no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {near[0]}?" if near else ""
