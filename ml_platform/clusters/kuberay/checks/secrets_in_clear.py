"""Whether text is a secret in clear: by the words of its name, and by its own form.

It is looked at in variables, annotations, labels and the attributes of volumes. Everybody who may
read RayJobs of the namespace would read it, and so would who reads our records. A
name is judged by its words and not by its letters, for `MAX_TOKENS` and `KEYBOARD` are none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ml_platform.secret_forms import form_of_secret
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


def secret_in_clear(name: str, value: str) -> str:
    """Why a variable seems to be a secret, without its value; empty if it does not."""
    if what := form_of_secret(value):
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
