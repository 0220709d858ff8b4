import re

from tests.support.kuberay import names


def test_a_suffix_is_five_letters_that_form_no_words() -> None:
    assert re.fullmatch("rj1-[bcdfghjklmnpqrstvwxz2456789]{5}", names.suffixed("rj1"))


def test_a_long_cluster_name_keeps_its_first_50_characters_in_pods() -> None:
    assert names.pod_prefix("m" * 47 + "-abcde", "head") == "m" * 47 + "-ab-head-"


def test_a_long_name_keeps_its_last_50_characters_in_a_secret() -> None:
    assert names.clip_name("x" * 3 + "1" + "y" * 49) == "r" + "y" * 49


def test_a_long_label_keeps_its_last_63_characters() -> None:
    assert names.clip_label("a-" + "b" * 62) == "r" + "b" * 62


def test_users_labels_replace_all_but_three() -> None:
    own = {"team": "a", names.GROUP: "mine", names.CLUSTER: "mine", names.APP_NAME: "mine"}
    labels = names.pod_labels("rc1", "worker", "w", own)
    assert labels[names.GROUP] == "w"
    assert labels[names.CLUSTER] == "rc1"
    assert labels[names.APP_NAME] == "mine"
    assert labels["team"] == "a"


def test_a_name_must_start_with_a_lower_case_letter() -> None:
    assert names.is_dns_1035("a-1")
    assert not names.is_dns_1035("1a")
    assert not names.is_dns_1035("A")
    assert not names.is_dns_1035("a-")
