"""Why the API server does not make an object, from its own words.

Admission says no for ever, a quota until others have ended; a webhook that does not answer, or what
is made together with the cluster, may come in a moment.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ml_platform.clusters.causes import Cause, Place
from ml_platform.clusters.kuberay.diagnosis.diagnoses import (
    MAY_COME_S,
    Diagnosis,
    diagnosis,
    where_of,
)
from ml_platform.clusters.kuberay.diagnosis.pods import Pod
from ml_platform.clusters.kuberay.diagnosis.quota import over_quota

NO_RIGHT: Final = r'User "(?P<by>[^"]+)" cannot \w+ resource'
"""What is said of an account, and not of the object."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    """Words of the API server and what they mean; `by` is the part of them that says who or what.

    Attributes:
        words: Are looked for in what it said.
        key: Of the diagnosis; `{by}` stands for that part, `{where}` for the place.
        message: `{what}` stands for the object that it did not make, `{text}` for all it said.
        hint: What to do.
        give_up_after_s: 0: it will never be otherwise. None: as long as a start may take.
        cause: Whose matter it is.
    """

    words: str
    key: str
    message: str
    hint: str
    give_up_after_s: float | None = MAY_COME_S
    cause: Cause = Cause.START_FAILED


_RULE: Final = "Change the cluster's spec so that the rule holds, or ask whoever set the rule."
_RULES: Final = (
    _Rule(
        words=r'(?:serviceaccount "(?P<by>[^"]*)" not found'
        r"|ServiceAccount (?P<other>\S+) is not found)",
        key="service-account/{by}",
        message="The service account {by} does not exist, so {what} cannot be made.",
        hint="Make it (kubectl create serviceaccount {by}), or name another in the configuration "
        "of the clusters.",
        give_up_after_s=0,
    ),
    _Rule(
        words=r"no PriorityClass with name (?P<by>\S+) was found",
        key="priority/{by}",
        message="There is no priority class {by}.",
        hint="Name one of `kubectl get priorityclasses` as the cluster's `priority`.",
        give_up_after_s=0,
    ),
    _Rule(
        words=r'RuntimeClass "(?P<by>[^"]+)" not found',
        key="runtime-class/{by}",
        message="There is no runtime class {by}, so {what} cannot be made.",
        hint="Name one of `kubectl get runtimeclasses` as `runtimeClassName` under the group's "
        "`pod`.",
    ),
    _Rule(
        words=r"namespace (?P<by>\S+) because it is being terminated",
        key="namespace-ends/{by}",
        message="The namespace {by} is being removed, so {what} cannot be made there.",
        hint="Wait until it is gone and make it again, or name another `namespace` in the "
        "configuration of the clusters.",
    ),
    _Rule(
        words=NO_RIGHT,
        key="right/{by}",
        message="The account {by} lacks the right to make {what}: {text}",
        hint="If that is the operator's of KubeRay, let it look after this namespace: its chart "
        "(`singleNamespaceInstall`, `watchNamespace`) has the role.",
    ),
    _Rule(
        words=r"node label selector (?P<by>conflicts) with its namespace",
        key="node-selector/{where}",
        message="The namespace keeps its pods to other nodes than {what} asks for: {text}",
        hint="Leave `nodeSelector` to the namespace (its annotation "
        "scheduler.alpha.kubernetes.io/node-selector), or use another namespace.",
    ),
    _Rule(
        words=r"insufficient quota to match these scopes: (?P<by>.*)",
        key="quota-scope/{where}",
        message="No quota of the namespace admits {what}, and without one it may not be made: {by}",
        hint="Use another `priority`, or ask for a quota of that scope.",
    ),
    *(
        _Rule(
            words=words,
            key="admission/{where}/{by}",
            message="Admission refuses {what} ({by}): {text}",
            hint=_RULE,
            give_up_after_s=0,
        )
        for words in (
            r'admission webhook "(?P<by>[^"]+)" denied the request',
            r"ValidatingAdmissionPolicy '(?P<by>[^']+)'.* denied request",
            r'violates (?P<by>PodSecurity) "',
            r"(?P<by>(?:maximum|minimum) \S+ usage per (?:Container|Pod)) is ",
            r"(?P<by>\S+ max limit to request ratio per (?:Container|Pod)) is ",
            r"failed quota: (?P<by>[^:]+): must specify",
            r"(?P<by>image policy) webhook backend denied one or more images",
        )
    ),
    _Rule(
        words=r"is (?P<by>invalid): ",
        key="invalid/{where}",
        message="The API server calls {what} invalid: {text}",
        hint="Correct the cluster's spec (`clusters` in defs.yaml).",
        give_up_after_s=0,
        cause=Cause.BAD_INPUT,
    ),
    _Rule(
        words=r'failed calling webhook "(?P<by>[^"]+)"',
        key="webhook/{by}",
        message="The admission webhook {by} does not answer, so {what} cannot be made: {text}",
        hint="It is tried again. If it lasts, see whether what it belongs to runs: "
        "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
        give_up_after_s=None,
    ),
    _Rule(
        words=r"(?P<by>is forbidden): ",
        key="forbidden/{where}",
        message="The API server forbids {what}: {text}",
        hint="It says what it wants: change the cluster's spec, or ask who looks after the "
        "namespace.",
    ),
)


def refusal(text: str, place: Place, *, what: str, pods: Iterable[Pod] = ()) -> Diagnosis | None:
    """What the API server's words mean; None for words that say nothing of this object.

    Args:
        text: Its words.
        place: Whose object it is.
        what: The object, as `a pod of the head`.
        pods: Those that the cluster has.
    """
    if over := over_quota(text, place, what, pods):
        return over
    for rule in _RULES:
        match = re.search(rule.words, text)
        if match is None:
            continue
        by = next(filter(None, match.groupdict().values()), "")
        words = {"by": by, "where": where_of(place), "what": what, "text": text}
        broken = rule.give_up_after_s == 0
        return diagnosis(
            rule.key.format(**words),
            "broken" if broken else "starting",
            place,
            rule.message.format(**words),
            rule.hint.format(**words),
            evidence=[text],
            cause=rule.cause,
            give_up_after_s=rule.give_up_after_s,
            operator_pauses=not broken,
        )
    return None
