"""Checks of single values as the API server has them: names, labels, amounts, addresses, paths."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any, Final

from ml_platform.clusters.kuberay.checks import words
from ml_platform.clusters.kuberay.quantities import is_quantity, quantity
from ml_platform.wrong_values import of_another_form, of_another_type, shown_number, shown_word

Check = Callable[[str, Any], Iterator[str]]
"""What is wrong with a value; its first argument says where it stands."""
_AMOUNT: Final = "an amount, as 512Mi or 20Gi"
LARGEST: Final = 2**31 - 1
"""Of most whole numbers in Kubernetes, and of all that KubeRay has."""


def string(where: str, value: Any) -> Iterator[str]:
    """Text."""
    if not isinstance(value, str):
        yield of_another_type(where, value, "text; put it in quotes")


def truth(where: str, value: Any) -> Iterator[str]:
    """Yes or no."""
    if not isinstance(value, bool):
        yield of_another_type(where, value, "true or false")


def whole(least: int, most: int | None = None) -> Check:
    """A whole number of a range."""
    span = f"of at least {least}" if most is None else f"from {least} to {most}"

    def check(where: str, value: Any) -> Iterator[str]:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or value < least or (most is not None and value > most):
            yield f"{where} is {shown_number(value)}, wanted a whole number {span}"

    return check


def one_of(*known: str) -> Check:
    """One of these words."""

    def check(where: str, value: Any) -> Iterator[str]:
        if value not in known:
            near = words.did_you_mean(str(value), known)
            wanted = f", wanted {' or '.join(filter(None, known))}"
            yield f"{where} is {shown_word(value)}{near or wanted}"

    return check


def text(fits: Callable[[str], bool], wanted: str) -> Check:
    """Text that fits; `wanted` says which does."""

    def check(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, str):
            yield from string(where, value)
        elif not fits(value):
            yield of_another_form(where, value, wanted)

    return check


def amount(where: str, value: Any) -> Iterator[str]:
    """An amount of something; a whole number may stand without quotes."""
    given = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(given, str):
        yield of_another_type(where, value, _AMOUNT)
    elif not is_quantity(given):
        yield of_another_form(where, given, _AMOUNT)
    elif quantity(given) < 0:
        yield f"{where} is {given}, wanted {_AMOUNT}"


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value  # a zone is a node's own


def _is_relative(value: str) -> bool:
    return not value.startswith(("/", "..")) and ".." not in value.split("/")


label_key: Final = text(words.is_label_key, "`name` or `domain/name`")
label_value: Final = text(words.is_label_value, words.LABEL_VALUE_RULE)
object_name: Final = text(words.is_subdomain, words.OBJECT_RULE)
dns_label: Final = text(words.is_dns_label, words.LABEL_RULE)
host_name: Final = text(words.is_subdomain, "the name of a host, in lower case")
data_key: Final = text(
    words.is_data_key, "the key of an entry: letters, digits, dashes, dots and underscores"
)
variable_name: Final = text(words.is_variable, "the name of a variable")
ip_address: Final = text(_is_address, "an IP address, as 10.0.0.1 or 2001:db8::1")
relative_path: Final = text(_is_relative, "a path without `/` before it and without `..`")
file_path: Final = text(
    lambda path: bool(path) and _is_relative(path), "a file, without `/` before it and without `..`"
)
file_mode: Final = whole(0, 0o777)
