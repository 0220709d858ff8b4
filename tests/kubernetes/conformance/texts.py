"""Texts reduced to their class: what differs from one run to the next is taken out."""

import re
from typing import Final

SUFFIX: Final = "[bcdfghjklmnpqrstvwxz2456789]"
RULES: Final = (
    (re.compile(r"<r\d+>"), "<r>"),
    # A name that the API server drew for a pod that it then refused.
    (re.compile(rf"(-(?:head|worker)-){SUFFIX}{{5}}\b"), r"\1<r>"),
    # The start of a cluster's suffix where a pod's prefix was cut at 50 characters.
    (re.compile(rf"\b([a-z0-9-]{{47}}-){SUFFIX}{{2}}(-(?:head|worker)-)"), r"\1<r>\2"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:]+(?: \+0000 UTC|Z)?"), "<time>"),
    (re.compile(r"\d+\.\d+\.\d+\.\d+(?::\d+)?"), "<ip>"),
    (re.compile(r"(DeadlineSeconds: )\d+"), r"\1<n>"),
    (re.compile(r"containerd://[0-9a-f]+"), "<container>"),
    # Amounts are those of the pods, which are smaller in a run.
    (re.compile(r"requests\.memory=\w+"), "requests.memory=<n>"),
    (re.compile(r"(back-off )\w+( restarting)"), r"\1<n>\2"),
    # The driver's own last words.
    (re.compile(r"(last available logs \(truncated to [\d,]+ chars\):).*", re.DOTALL), r"\1"),
    # A parser's own words about YAML.
    (re.compile(r"(error converting YAML to JSON: yaml:).*", re.DOTALL), r"\1"),
)


def normalise_text(text: str) -> str:
    """The class of a text."""
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text
