"""Presets: a name for a cluster spec, and what is written beside the name wins."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ml_platform.clusters.open import presets_of, resolved
from ml_platform.clusters.presets import ClusterSection, Presets
from ml_platform.clusters.spec import ClusterSpec
from ml_platform.errors import InputError, SettingsError
from ml_platform.settings import Settings

GPU = {"count": 8, "cpus": 12, "memory": "80Gi", "gpu": "a100", "gpus": 1}
PRESETS = Presets(
    environment="prod",
    where="/etc/clusters.yaml",
    values={
        "small": {"workers": {"count": 1}},
        "a100x8": {
            "provisioner": "ephemeral",
            "head": {"cpus": 4, "memory": "16Gi", "pod": {"nodeSelector": {"pool": "head"}}},
            "workers": GPU,
        },
        "two": {"workers": [{"name": "a"}, {"name": "b", "memory": "8Gi"}]},
        "broken": {"workers": {"cont": 1}},
        "empty": None,
    },
)


def section(value: Any) -> ClusterSection:
    """A section as `defs.yaml` has it."""
    return ClusterSection.model_validate(value)


def test_a_preset_stands_for_what_it_says() -> None:
    spec = PRESETS.resolved(section({"preset": "a100x8"}))
    assert spec == ClusterSpec.model_validate(PRESETS.values["a100x8"])


def test_a_name_alone_is_a_section() -> None:
    assert section("a100x8") == section({"preset": "a100x8"})


def test_what_is_written_beside_the_name_wins_field_by_field() -> None:
    own = {"workers": {"memory": "128Gi"}, "head": {"pod": {"nodeSelector": {"zone": "b"}}}}
    spec = PRESETS.resolved(section({"preset": "a100x8", **own}))
    assert spec.groups[0].model_dump(exclude_unset=True) == GPU | {"memory": "128Gi"}
    assert spec.head.cpus == 4
    assert spec.head.pod == {"nodeSelector": {"pool": "head", "zone": "b"}}


def test_a_default_that_is_written_wins_too() -> None:
    spec = PRESETS.resolved(section({"preset": "a100x8", "workers": {"gpus": 0, "gpu": ""}}))
    assert (spec.gpus, spec.worker_count) == (0, 8)


def test_a_list_of_groups_stands_for_those_of_the_preset() -> None:
    spec = PRESETS.resolved(section({"preset": "two", "workers": [{"name": "c", "count": 3}]}))
    assert [(group.name, group.count) for group in spec.groups] == [("c", 3)]


def test_one_group_beside_a_preset_with_several_is_refused() -> None:
    with pytest.raises(InputError, match=r"two has several worker groups \(a, b\)"):
        PRESETS.resolved(section({"preset": "two", "workers": {"count": 3}}))


def test_a_cluster_without_a_preset_is_as_it_is_written() -> None:
    assert PRESETS.resolved(section({"workers": {"count": 2}})) == ClusterSpec.model_validate(
        {"workers": {"count": 2}}
    )
    assert PRESETS.resolved(ClusterSpec()) == ClusterSpec()
    assert PRESETS.resolved(section("empty")) == ClusterSpec()


def test_the_name_of_a_preset_is_no_part_of_the_cluster() -> None:
    by_name = PRESETS.resolved(section("small"))
    assert by_name.spec_hash() == ClusterSpec().spec_hash()
    assert "preset" not in by_name.model_dump()


def test_an_unknown_preset_names_the_environment_the_nearest_and_the_place() -> None:
    with pytest.raises(InputError) as raised:
        PRESETS.resolved(section("a100x4"))
    assert raised.value.message == (
        "the environment prod has no preset a100x4, did you mean a100x8? "
        "it has a100x8, broken, empty, small, two"
    )
    assert "/etc/clusters.yaml" in raised.value.hint


def test_a_preset_that_is_wrong_is_the_fault_of_its_file() -> None:
    with pytest.raises(SettingsError, match=r"the preset broken .* workers\.cont") as raised:
        PRESETS.resolved(section("broken"))
    assert "/etc/clusters.yaml" in raised.value.hint


def test_what_does_not_go_together_is_said_with_both() -> None:
    groups = {"a": {"workers": [{"name": "a", "cpus": 2}, {"name": "b", "cpus": 2}]}}
    both = Presets(environment="prod", where="x", values=groups)
    with pytest.raises(InputError, match="the preset a and what is written beside it") as raised:
        both.with_fields("a", {"queue": 5})
    assert "queue" in raised.value.message


def test_the_laptop_has_a_small_one_without_any_file(tmp_path: Path) -> None:
    found = resolved(Settings(home=tmp_path), section("small"))
    assert (found.provisioner, found.worker_count) == ("local", 1)


def test_a_preset_that_the_laptop_lacks_says_which_setting_would_have_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"local_ada has no preset a100x8; it has small") as said:
        resolved(Settings(home=tmp_path, sandbox="ada"), section("a100x8"))
    assert "MLP_CLUSTERS_FILE" in said.value.hint


def test_another_environment_has_only_what_its_file_says(tmp_path: Path) -> None:
    bare = Settings(home=tmp_path, environment="prod")
    with pytest.raises(InputError, match="prod has no preset small; it has none"):
        resolved(bare, section("small"))

    file = tmp_path / "clusters.yaml"
    file.write_text(yaml.safe_dump({"namespace": "ray", "presets": {"small": {"queue": "team"}}}))
    configured = bare.model_copy(update={"clusters_file": file})
    assert resolved(configured, section("small")).queue == "team"


def test_presets_that_are_no_mapping_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "clusters.yaml"
    file.write_text("presets: [small]\n")
    with pytest.raises(SettingsError, match="presets is a list, wanted cluster specs by name"):
        presets_of(Settings(home=tmp_path, clusters_file=file))


ELASTIC = Presets(
    environment="prod", where="x", values={"grows": {"workers": {"min": 1, "max": 8, "cpus": 4}}}
)


def test_a_training_is_refused_a_preset_that_grows_and_told_what_to_write() -> None:
    with pytest.raises(InputError, match="the preset grows has worker groups with `min`") as said:
        ELASTIC.resolved(section("grows"))
    assert "`workers: {count: …}`" in said.value.hint


def test_a_training_on_a_cluster_that_grows_is_refused_where_it_is_typed() -> None:
    with pytest.raises(ValidationError, match="decides what comes out of a training"):
        section({"workers": {"min": 1, "max": 8}})


def test_a_number_of_workers_stands_for_the_fewest_and_the_most() -> None:
    fixed = ELASTIC.resolved(section({"preset": "grows", "workers": {"count": 3}}))
    assert (fixed.groups[0].count, fixed.groups[0].most, fixed.groups[0].cpus) == (3, 3, 4)
    grown = PRESETS.with_fields("a100x8", {"workers": {"min": 0, "max": 4}})
    assert (grown.groups[0].count, grown.groups[0].most, grown.groups[0].gpus) == (0, 4, 1)
