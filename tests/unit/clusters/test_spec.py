import pytest
from pydantic import ValidationError

from ml_platform.clusters.spec import ClusterSpec, HeadGroup, WorkerGroup, memory_bytes

TWO = {
    "workers": [
        {"name": "small", "count": 2, "memory": "2Gi"},
        {"name": "large", "count": 1, "memory": "8Gi"},
    ]
}


@pytest.mark.parametrize(
    ("text", "size"), [("512Mi", 512 * 2**20), ("4Gi", 4 * 2**30), ("1Ti", 2**40)]
)
def test_memory_is_written_as_kubernetes_has_it(text: str, size: int) -> None:
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["4GB", "4", "0Gi", "-1Gi", "1.5Gi", "4 Gi", "4Gi\n"])
def test_memory_written_otherwise_is_refused_where_it_is_typed(text: str) -> None:
    with pytest.raises(ValidationError, match="is no amount of memory"):
        WorkerGroup(memory=text)


def test_one_group_needs_no_name_and_several_are_a_list() -> None:
    one = ClusterSpec.model_validate({"workers": {"count": 3}})
    two = ClusterSpec.model_validate(TWO)
    assert [group.name for group in one.groups] == ["workers"]
    assert [group.name for group in two.groups] == ["small", "large"]


def test_a_cluster_is_as_large_as_head_and_all_groups_together() -> None:
    spec = ClusterSpec.model_validate(TWO | {"head": {"cpus": 2, "memory": "1Gi"}})
    assert spec.worker_count == 3
    assert spec.cpus == 2 + 3
    assert spec.memory_bytes == (1 + 2 * 2 + 8) * 2**30
    gpus = ClusterSpec(workers=WorkerGroup(count=3, gpus=2, gpu="a100"))
    assert gpus.gpus == 6


def test_two_groups_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two worker groups are called workers"):
        ClusterSpec.model_validate({"workers": [{"count": 1}, {"count": 2}]})


def test_a_cluster_without_workers_is_refused() -> None:
    with pytest.raises(ValidationError, match="there is no worker group"):
        ClusterSpec.model_validate({"workers": []})


@pytest.mark.parametrize("one", [{"cpus": 2}, {"gpus": 1}])
def test_groups_whose_workers_would_differ_are_refused(one: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="differ in `cpus` or `gpus`"):
        ClusterSpec.model_validate({"workers": [{"name": "a"}, {"name": "b", **one}]})


@pytest.mark.parametrize(
    "workers", [{"memroy": "2Gi"}, [{"name": "a"}, {"name": "b", "memroy": "2Gi"}]]
)
def test_a_misspelt_key_is_named_alone(workers: object) -> None:
    with pytest.raises(ValidationError) as raised:
        ClusterSpec.model_validate({"workers": workers})
    assert [error["type"] for error in raised.value.errors()] == ["extra_forbidden"]
    assert raised.value.errors()[0]["loc"][-1] == "memroy"


def test_a_spec_is_the_same_after_its_way_through_a_file() -> None:
    for values in (TWO, {"workers": {"count": 2}}, {"workers": {"min": 0, "max": 8}}):
        spec = ClusterSpec.model_validate(values)
        assert ClusterSpec.model_validate_json(spec.model_dump_json()) == spec


def test_equal_specs_have_equal_hashes_however_they_were_written() -> None:
    written = ClusterSpec.model_validate({"workers": {"count": 1, "cpus": 1}})
    assert written.spec_hash() == ClusterSpec().spec_hash()
    assert ClusterSpec(workers=(WorkerGroup(),)).spec_hash() == ClusterSpec().spec_hash()
    assert len(ClusterSpec().spec_hash()) == 12


@pytest.mark.parametrize(
    "other",
    [
        ClusterSpec(head=HeadGroup(memory="8Gi")),
        ClusterSpec(workers=WorkerGroup(count=2)),
        ClusterSpec(workers=WorkerGroup(memory="8Gi")),
        ClusterSpec(image="registry/image:2"),
    ],
)
def test_whatever_makes_another_cluster_makes_another_hash(other: ClusterSpec) -> None:
    assert other.spec_hash() != ClusterSpec().spec_hash()


def test_a_group_with_the_fewest_and_the_most_begins_with_the_fewest() -> None:
    group = WorkerGroup(min=2, max=8)
    assert (group.count, group.most) == (2, 8)
    assert group.in_words().startswith("2 to 8 × 1 CPU")
    assert ClusterSpec(workers=group).is_elastic
    assert ClusterSpec(workers=group).worker_count == 2
    assert WorkerGroup(min=0, max=1).count == 0


def test_a_count_is_the_fewest_and_the_most() -> None:
    assert WorkerGroup(count=3).most == 3
    assert not ClusterSpec(workers=WorkerGroup(count=3)).is_elastic
    assert not ClusterSpec(workers=WorkerGroup(min=3, max=3)).is_elastic


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"min": 2}, "write `min` and `max` both, or `count`"),
        ({"max": 2}, "write `min` and `max` both, or `count`"),
        ({"min": 8, "max": 2}, "`min` is 8 and `max` is 2"),
        ({"min": 2, "max": 8, "count": 4}, "`count` is 4 and `min` is 2"),
        ({"count": 0}, "wanted at least 1"),
        ({"min": 0, "max": 0}, "max"),
    ],
)
def test_how_many_is_said_once(values: dict[str, int], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WorkerGroup.model_validate(values)


def test_a_size_that_may_change_makes_another_hash_and_none_changes_the_old_ones() -> None:
    fixed = ClusterSpec(workers=WorkerGroup(count=2))
    assert ClusterSpec(workers=WorkerGroup(min=2, max=8)).spec_hash() != fixed.spec_hash()
    assert fixed.spec_hash() == "cc43a07a539a"
