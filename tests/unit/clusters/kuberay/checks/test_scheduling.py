"""What the API server would refuse of the fields that choose a node is refused before."""

from typing import Any

import pytest

from ml_platform.clusters.kuberay.checks.pod_fields import pod_field_mistakes
from tests.support.kuberay.pod_fields import (
    PREFERRED,
    REQUIRED,
    ZONE,
    near,
    node_named,
    of_nodes,
    spread,
)


def only(**fields: Any) -> str:
    (mistake,) = pod_field_mistakes("w.pod", fields)
    return mistake


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"key": "a", "operator": "Exist"},
            "w.pod.tolerations[0].operator is 'Exist', did you mean Exists?",
        ),
        (
            {"key": "a", "operator": "Exists", "effect": "NoSchedul"},
            "w.pod.tolerations[0].effect is 'NoSchedul', did you mean NoSchedule?",
        ),
        ({"key": "a", "operator": "Exists", "value": "b"}, "Exists takes no value"),
        ({"value": "b"}, "without a key takes operator Exists only"),
        (
            {"key": "a b", "operator": "Exists"},
            "tolerations[0].key is other text, wanted `name` or",
        ),
        (
            {"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5},
            "tolerationSeconds is for the effect NoExecute",
        ),
        ({"key": "a", "operator": "Exists", "efect": "x"}, "did you mean effect?"),
        ({"key": "a", "value": True}, "tolerations[0].value is a truth value, wanted text"),
        (
            {"key": "a", "value": "b c"},
            "tolerations[0].value is other text, wanted at most 63 letters",
        ),
    ],
)
def test_tolerations_that_kubernetes_refuses(entry: dict[str, Any], said: str) -> None:
    assert said in only(tolerations=[entry])


@pytest.mark.parametrize(
    ("affinity", "said"),
    [
        (
            {"nodeAfinity": {}},
            "w.pod.affinity.nodeAfinity cannot be set, did you mean nodeAffinity",
        ),
        ({"nodeAffinity": []}, "affinity.nodeAffinity is a list, wanted a mapping"),
        ({"nodeAffinity": {"required": {}}}, "nodeAffinity.required cannot be set"),
        ({"nodeAffinity": {REQUIRED: {}}}, f"{REQUIRED} has no `nodeSelectorTerms`"),
        ({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}, "is empty, wanted at least one"),
        ({"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{}]}}}, "which no node matches"),
        (of_nodes({"key": ZONE, "operator": "Is", "values": ["b"]}), "operator is 'Is', wanted"),
        (of_nodes({"key": ZONE, "operator": "In", "values": []}), "In wants values"),
        (of_nodes({"key": ZONE, "operator": "In", "values": "b"}), "values is text, wanted a list"),
        (of_nodes({"key": ZONE, "operator": "Exists", "values": ["b"]}), "Exists takes no values"),
        (of_nodes({"key": "cores", "operator": "Gt", "values": ["8", "9"]}), "Gt wants one whole"),
        (of_nodes({"operator": "Exists"}), "matchExpressions[0] has no `key`"),
        (
            {"nodeAffinity": {PREFERRED: [{"weight": 0, "preference": {"matchFields": []}}]}},
            "weight is 0, wanted a whole number from 1 to 100",
        ),
        ({"podAffinity": {REQUIRED: [{"labelSelector": {}}]}}, "[0] has no `topologyKey`"),
        ({"podAffinity": {REQUIRED: {}}}, f"podAffinity.{REQUIRED} is a mapping, wanted a list"),
        (
            {"podAntiAffinity": {REQUIRED: [{"topologyKey": ZONE, "labelSelector": {"a": "b"}}]}},
            "labelSelector.a cannot be set; these can: matchLabels, matchExpressions",
        ),
        (
            {"podAffinity": {REQUIRED: [near(labelSelector={"matchLabels": {"a": 1}})]}},
            "matchLabels.a is a number, wanted text; put it in quotes",
        ),
        ({"podAffinity": {REQUIRED: [near(namespaces=["Bad_"])]}}, "namespaces[0] is other text"),
        ({"podAffinity": {REQUIRED: [{"topologyKey": ZONE}]}}, "[0] has no `labelSelector`"),
        (
            {"podAntiAffinity": {REQUIRED: [{"topologyKey": ZONE, "matchLabelKeys": ["a"]}]}},
            "matchLabelKeys and mismatchLabelKeys are for one with a labelSelector",
        ),
        (
            {"podAffinity": {REQUIRED: [near(matchLabelKeys=["team"])]}},
            "has team in matchLabelKeys and in labelSelector, wanted in one",
        ),
        (
            {"podAffinity": {REQUIRED: [near(matchLabelKeys=["a"], mismatchLabelKeys=["a"])]}},
            "has a in matchLabelKeys and in mismatchLabelKeys, wanted in one",
        ),
        (
            of_nodes({"key": ZONE, "operator": "In", "values": ["b c"]}),
            "values[0] is other text, wanted",
        ),
        (
            of_nodes({"key": "cores", "operator": "Gt", "values": ["x"]}),
            "Gt wants one whole number",
        ),
        (
            {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [node_named("a", key="spec.x")]}}},
            "key is 'spec.x', wanted metadata.name",
        ),
        (
            {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [node_named("a", "b")]}}},
            "names 2 nodes, wanted one",
        ),
    ],
)
def test_an_affinity_that_kubernetes_refuses(affinity: dict[str, Any], said: str) -> None:
    assert said in only(affinity=affinity)


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        (spread(maxSkew=0), "w.pod.topologySpreadConstraints[0].maxSkew is 0, wanted a whole"),
        (spread(maxSkew=None), "topologySpreadConstraints[0] has no `maxSkew`"),
        (spread(topologyKey=None), "has no `topologyKey`"),
        (
            spread(whenUnsatisfiable="Never"),
            "whenUnsatisfiable is 'Never', wanted DoNotSchedule or",
        ),
        (spread(minDomains=2), "minDomains is for whenUnsatisfiable: DoNotSchedule"),
        (spread(nodeTaintsPolicy="honor"), "nodeTaintsPolicy is 'honor', did you mean Honor?"),
        (spread(maxskew=1), "maxskew cannot be set, did you mean maxSkew?"),
        (spread(labelSelector={"matchLabels": {"a": 1}}), "matchLabels.a is a number, wanted text"),
        (spread(matchLabelKeys=["a"]), "are for one with a labelSelector"),
        ([*spread(), *spread(maxSkew=2)], f"has {ZONE} with ScheduleAnyway twice"),
    ],
)
def test_a_spread_that_kubernetes_refuses(constraints: list[Any], said: str) -> None:
    assert said in only(topologySpreadConstraints=constraints)
