"""Forms by which a secret is known wherever it stands: tokens of services, keys, URLs with one."""

import re
from typing import Final

FORMS: Final = {
    "a private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    "the address of a webhook": (
        r"hooks\.slack\.com/(?:services|workflows|triggers)/\w|discord(?:app)?\.com/api/webhooks/\w"
        r"|\.webhook\.office\.com/\w|api\.telegram\.org/bot\w"
    ),
    # As those of Sentry, which whoever has may write to.
    "a URL with a key": (
        r"://(?:(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}@|\w+@[\w.-]*sentry)"
    ),
    "a URL with a password": r"://[^\s/?#:@]*:(?!\$\()[^\s/?#@]+@(?!sha256:)",
    "a connection with its key": (
        r"(?i:(?:^|[\s;?&])(?:password|pwd|accountkey|sharedaccesskey|sig)=(?!\$\()[^\s;&]+)"
    ),
    "a token of GitHub": r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})",
    "a token of GitLab": r"\bglpat-[\w-]{20,}",
    "a key of AWS": r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    "a key of Google": r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{20,}",
    "a key of OpenAI, Anthropic or Stripe": (
        r"\b[sr]k(?:[-_](?=[\w-]*[0-9])[\w-]{20,}|_(?:live|test)_\w{8,})"
    ),
    "a token of Slack": r"\bxox[abeoprs]-[\w-]{10,}",
    "a token of Databricks": r"\bdapi[0-9a-f]{32}",
    "a JSON web token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.",
    "a key of SendGrid": r"\bSG\.[\w-]{16,}\.[\w-]{16,}",
    "the login of a registry": r"\"auth\"\s*:\s*\"[A-Za-z0-9+/=]{8,}\"",
    "a line of a netrc": r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+\S",
    "a token of Vault": r"\bhv[sbr]\.[\w-]{20,}",
    "a token of Docker": r"\bdckr_pat_[\w-]{20,}",
    "a token of npm or PyPI": r"\bnpm_[A-Za-z0-9]{36}|\bpypi-[\w-]{40,}",
    # A word of prose has no capital, digit or sign but at its beginning.
    "an Authorization header": (
        r"(?i:\b(?:bearer|basic))\s+(?=[\w.~+/-]+[A-Z0-9=])[\w.~+/-]{8,}=*"
    ),
}
"""Values that are secrets whatever they are called."""


def form_of_secret(value: str) -> str:
    """What text looks like that is a secret, as `a key of AWS`; empty if it looks like none."""
    return next((what for what, form in FORMS.items() if re.search(form, value)), "")
