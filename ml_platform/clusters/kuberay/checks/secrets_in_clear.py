"""Whether text is a secret in clear: by the words of its name, and by its own form.

It is looked at in variables, annotations, labels and the attributes of volumes. Everybody who may
read RayJobs of the namespace would read it, and so would who reads our records. A
name is judged by its words and not by its letters, for `MAX_TOKENS` and `KEYBOARD` are none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ml_platform.wrong_values import shown_name

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_STRONG: Final = re.compile(
    r".*(password|passwd|passphrase|secret|credential)s?|creds"
    r"|.*(api|access|auth|private|secret)(key|token)s?"
    r"|(db|sql|mysql|pg|postgres|redis|mongo|mq|amqp|rabbit|smtp|mail|imap|ftp|sftp|ldap|user|root"
    r"|admin|proxy|ssh|ssl|tls|key|store|keystore|truststore|app)(pass|pw|pwd)"
)
"""A word that means a secret wherever it stands in a name."""
_PAIRS: Final = re.compile(
    r"(api|access|private) keys?|(access|auth|refresh) tokens?|conn\w* strings?|sentry dsn"
)
_WEAK: Final = frozenset(
    {
        *("key", "keys", "token", "tokens", "pass", "pw", "pwd", "pat", "jwt"),
        *("cookie", "cookies"),
    }
)
"""A word that means one where it stands last, as what the others describe."""
_ALONE: Final = frozenset({"key", "keys", "pwd"})
"""Words of these that say nothing without another; `PWD` is the shell's."""
_BESIDE: Final = frozenset(
    {
        *("primary", "foreign", "partition", "sort", "join", "group", "unique", "index", "order"),
        *("public", "cache", "lookup", "natural", "surrogate", "row", "feature", "label", "column"),
        *("dataset", "table", "object", "s", "gcs", "shard", "routing", "dedup", "merge", "event"),
        *("max", "min", "num", "n", "total", "new", "batch", "batched", "context", "input"),
        *("output", "prompt", "completion", "generated", "per", "vocab"),
        *("pad", "eos", "bos", "unk", "mask", "sep", "cls", "stop", "start", "end", "special"),
        *("class", "image", "forward", "backward", "first", "second", "last", "single", "multi"),
    }
)
"""Words before a weak one that make it one of data, of language models or of counting."""
_LOGINS: Final = frozenset({"auth", "authorization", "login"})
_USER_AND_PASSWORD: Final = re.compile(r"[\w.@-]+:(?!//)\S{4,}", re.ASCII)
_FORMAT: Final = frozenset(
    {"pem", "json", "b64", "base", "value", "prod", "dev", "staging", "test"}
)
"""Words after a weak one that change nothing; numbers do neither."""
_ABOUT: Final = frozenset(
    {
        *("file", "files", "path", "paths", "dir", "folder", "name", "names", "id", "ids", "arn"),
        *("url", "uri", "endpoint", "host", "provider", "manager", "backend", "store", "engine"),
        *("version", "type", "kind", "format", "length", "len", "size", "ttl", "expiry", "timeout"),
        *("seconds", "minutes", "hours", "days", "rotation", "policy", "column", "columns"),
        *("field", "fields", "header", "prefix", "suffix", "count", "limit", "enabled", "required"),
        *("regex", "pattern", "location", "mount", "region", "project", "scope", "scopes"),
        *("namespace", "ref", "algorithm", "alg", "class", "classes", "source", "mode", "method"),
    }
)
"""A last word by which a name is of something about a secret, most often of where it lies."""
_NO_SECRET: Final = re.compile(
    r"|[01]|true|false|yes|no|on|off|none|null"
    r"|.*\$\([^)]+\).*"  # Kubernetes puts another variable there
    r"|/[\w.@-]+(/[\w.@-]+)+"  # a file
    r"|[a-z][a-z0-9+.-]*://\S*",  # the form says whether a password is in it
    re.IGNORECASE | re.DOTALL,
)
_FORMS: Final = {
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


def secret_in_clear(name: str, value: str) -> str:
    """Why a variable seems to be a secret, without its value; empty if it does not."""
    for what, form in _FORMS.items():
        if re.search(form, value):
            return f"it looks like {what}"
    if _NO_SECRET.fullmatch(value):
        return ""
    words = [word.lower() for word in _WORDS.findall(name)]
    if words and words[-1] in _LOGINS and _USER_AND_PASSWORD.fullmatch(value):
        return "it looks like a user and a password"
    return "its name says so" if _means_a_secret(words, value) else ""


def entries_in_clear(where: str, entries: Mapping[str, str], *, instead: str) -> Iterator[str]:
    """Entries of annotations, labels or attributes that are secrets; `instead` says what to do.

    What a key with a domain means, as `vault.hashicorp.com/agent-inject-secret-db`, is a tool's to
    say, and most often where a secret lies: there only the form of the value counts.
    """
    for name, value in entries.items():
        if why := secret_in_clear("" if "/" in name else name, value):
            yield f"{where} has {shown_name(name)} in clear text ({why}); {instead}"


def _means_a_secret(words: Sequence[str], value: str) -> bool:
    if not words or words[-1] in _ABOUT:
        return False
    if any(map(_STRONG.fullmatch, words)) or _PAIRS.search(" ".join(words)):
        return True
    nouns = [word for word in words if not word.isdigit() and word not in _FORMAT]
    if not nouns or nouns[-1] not in _WEAK or value.isdigit():
        return False
    return nouns[-2] not in _BESIDE if len(nouns) > 1 else nouns[-1] not in _ALONE
