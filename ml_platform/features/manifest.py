"""Reads dbt's manifest into typed nodes. Pure; `project.py` says when."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast, get_args

from ml_platform.errors import DbtProjectError
from ml_platform.features.nodes import (
    Key,
    Kind,
    Node,
    NodeColumn,
    NodeTest,
    Period,
    Project,
    require_own_keys,
)

Raw = Mapping[str, Any]
"""A node as the manifest has it."""

EMPTY_DAYS: Final = "empty_days"
ALLOWED: Final = "allowed"
PARTITION_COLUMN: Final = "partition_column"
PERIOD: Final = "period"

_NO_ASSET: Final = {"metric", "semantic_model", "saved_query", "function"}
_TIMES: Final = {"date", "timestamp", "datetime"}
_OWNER: Final = re.compile(r"team:\S+|[^@\s]+@[^@\s]+\.[^@\s]+")
_NO_NAME: Final = re.compile(r"\W", re.ASCII)


def read_nodes(manifest: Raw, *, version: str) -> Project:
    """The nodes and tests of a manifest.

    Args:
        manifest: dbt's `manifest.json`.
        version: Names what the project builds.

    Raises:
        DbtProjectError: two nodes would be one asset, or a node says something that cannot be.
    """
    everything = _everything(manifest)
    groups = {group["name"]: group for group in manifest.get("groups", {}).values()}
    nodes = {
        unique_id: _node(raw, everything, groups)
        for unique_id, raw in everything.items()
        if raw["resource_type"] in get_args(Kind) and not _is_ephemeral(raw)
    }
    root = manifest["metadata"]["project_name"]
    nodes = {node.unique_id: node for node in _with_own_keys(list(nodes.values()), root)}
    require_own_keys(nodes.values())
    return Project(
        name=root,
        version=version,
        adapter=manifest["metadata"]["adapter_type"],
        nodes=nodes,
        tests={test.unique_id: test for test in _tests(manifest, nodes)},
    )


def _everything(manifest: Raw) -> dict[str, Raw]:
    kinds = ("nodes", "sources", "metrics", "semantic_models", "saved_queries", "functions")
    return {key: raw for kind in kinds for key, raw in manifest.get(kind, {}).items()}


def _node(raw: Raw, everything: Mapping[str, Raw], groups: Mapping[str, Raw]) -> Node:
    config, meta = raw["config"], meta_of(raw)
    own, dagster = meta.get("ml_platform") or {}, meta.get("dagster") or {}
    if not isinstance(own, Mapping) or not isinstance(dagster, Mapping):
        raise _wrong(raw, "meta.ml_platform and meta.dagster are mappings")
    columns = raw.get("columns") or {}
    code = raw.get("raw_code") or ""
    return Node(
        unique_id=raw["unique_id"],
        kind=raw["resource_type"],
        key=_key(raw, dagster),
        name=raw["name"],
        package=raw["package_name"],
        file=raw["original_file_path"],
        description=(raw.get("description") or "").strip(),
        group=_group(raw, dagster),
        owners=_owners(raw, dagster, groups),
        tags=tuple(raw.get("tags") or ()),
        dagster=dict(dagster),
        columns=tuple(
            NodeColumn(one["name"], one.get("data_type") or "", one.get("description") or "")
            for one in columns.values()
        ),
        parents=tuple(_parents(raw, everything)),
        database=raw.get("database") or "",
        schema=raw["schema"],
        identifier=raw.get("alias") or raw.get("identifier") or raw["name"],
        relation=raw.get("relation_name") or "",
        materialized=config.get("materialized") or raw["resource_type"],
        code=_code(raw, code),
        event_day=_event_day(raw, own),
        period=_period(raw, own),
        empty_days=own.get(EMPTY_DAYS) == ALLOWED,
    )


def meta_of(raw: Raw) -> Raw:
    """What somebody wrote under `meta`; dbt has it in two places."""
    return raw["config"].get("meta") or raw.get("meta") or {}


def _key(raw: Raw, dagster: Raw) -> Key:
    if own := dagster.get("asset_key"):
        return tuple(map(str, own)) if isinstance(own, list) else tuple(str(own).split("/"))
    if raw["resource_type"] == "source":
        return (raw["source_name"], raw["name"])
    if raw.get("version"):
        return (raw["alias"],)
    schema = raw["config"].get("schema")
    return (schema, raw["name"]) if schema is not None else (raw["name"],)


def _with_own_keys(nodes: Sequence[Node], root: str) -> Iterator[Node]:
    """A model of a package keeps its key unless the project has one of the same name."""
    of_root = {node.key for node in nodes if node.package == root}
    for node in nodes:
        if node.package != root and node.key in of_root and "asset_key" not in node.dagster:
            yield replace(node, key=(node.package, *node.key))
        else:
            yield node


def _group(raw: Raw, dagster: Raw) -> str:
    """As it says, else its group in dbt, else its first folder, else its package."""
    said = dagster.get("group") or raw["config"].get("group") or raw.get("group")
    if raw["resource_type"] == "source":
        return _as_name(str(said or raw["source_name"]))
    folders = raw["fqn"][1 : -2 if raw.get("version") else -1]
    return _as_name(str(said or next(iter(folders), raw["package_name"])))


def _as_name(text: str) -> str:
    return _NO_NAME.sub("_", text)


def _owners(raw: Raw, dagster: Raw, groups: Mapping[str, Raw]) -> tuple[str, ...]:
    said = dagster.get("owners")
    if not said:
        said = (groups.get(raw.get("group") or "", {}).get("owner") or {}).get("email")
    owners = [said] if isinstance(said, str) else list(said or ())
    for owner in owners:
        if not _OWNER.fullmatch(str(owner)):
            raise _wrong(raw, f"an owner is an e-mail address or team:<name>, found {owner!r}")
    return tuple(map(str, owners))


def _parents(raw: Raw, everything: Mapping[str, Raw]) -> dict[str, None]:
    """By unique id, in order, each once."""
    found: dict[str, None] = {}
    for unique_id in (raw.get("depends_on") or {}).get("nodes", ()):
        parent = everything.get(unique_id)
        if parent is None:
            continue
        if parent["resource_type"] in _NO_ASSET or _is_ephemeral(parent):
            found |= _parents(parent, everything)
        elif parent["resource_type"] in get_args(Kind):
            found[unique_id] = None
    return found


def _is_ephemeral(raw: Raw) -> bool:
    return raw["config"].get("materialized") == "ephemeral"


def _code(raw: Raw, code: str) -> str:
    if code:  # as dagster-dbt names it
        return hashlib.sha1(code.encode(), usedforsecurity=False).hexdigest()
    return str((raw.get("checksum") or {}).get("checksum") or "")


def _event_day(raw: Raw, own: Raw) -> str:
    """The column with the day of a row: the platform's own word, a partition by time, dbt's."""
    if PARTITION_COLUMN in own:
        return str(own[PARTITION_COLUMN] or "")
    config = raw["config"]
    partition_by = config.get("partition_by")
    if isinstance(partition_by, Mapping) and partition_by.get("field"):
        # A range of integers is no day; BigQuery's own default type is a date.
        if str(partition_by.get("data_type") or "date").lower() in _TIMES:
            return str(partition_by["field"])
        return ""
    return str(config.get("event_time") or "")


def _period(raw: Raw, own: Raw) -> Period:
    config = raw["config"]
    partition_by = config.get("partition_by")
    granularity = partition_by.get("granularity") if isinstance(partition_by, Mapping) else None
    said = str(own.get(PERIOD) or granularity or config.get("batch_size") or "day").lower()
    if said not in get_args(Period):
        wanted = ", ".join(get_args(Period))
        raise _wrong(raw, f"it is built by one of {wanted}, found {said!r}")
    return cast("Period", said)


def _wrong(raw: Raw, said: str) -> DbtProjectError:
    file = (raw.get("patch_path") or "").partition("://")[2] or raw["original_file_path"]
    return DbtProjectError(
        f"{raw['unique_id']}: {said}", hint=f"mend it in {file}, or in dbt_project.yml."
    )


def _tests(manifest: Raw, nodes: Mapping[str, Node]) -> Iterator[NodeTest]:
    taken: set[tuple[str, str]] = set()
    unit_tests = manifest.get("unit_tests", {})
    for unique_id, raw in {**manifest["nodes"], **unit_tests}.items():
        if raw["resource_type"] not in ("test", "unit_test"):
            continue
        read = [one for one in raw["depends_on"]["nodes"] if one in nodes]
        node = _tested(raw, read, manifest["metadata"]["project_name"], nodes)
        if node is None:
            continue
        name = _as_name(raw["name"])
        if (node, name) in taken:  # of another package
            name = f"{raw['package_name']}_{name}"
        taken.add((node, name))
        yield NodeTest(
            unique_id=unique_id,
            name=name,
            description=raw.get("description") or meta_of(raw).get("description") or "",
            node=node,
            others=tuple(one for one in dict.fromkeys(read) if one != node),
            blocking=str(raw["config"].get("severity") or "error").lower() == "error",
        )


def _tested(raw: Raw, read: Sequence[str], project: str, nodes: Mapping[str, Node]) -> str | None:
    """The node that a test is of; one that reads several is of the last to be made."""
    ref = (meta_of(raw).get("dagster") or {}).get("ref")
    if ref:
        wanted = (ref.get("name"), ref.get("package") or project)
        version = f".v{ref['version']}" if ref.get("version") else ""
        return next(
            (
                key
                for key, one in nodes.items()
                if (one.name, one.package) == wanted and key.endswith(version)
            ),
            None,
        )
    if raw.get("attached_node") in nodes:
        return str(raw["attached_node"])
    if len(read) < 2:
        return read[0] if read else None
    before = {one: _before(one, nodes) for one in read}
    return max(read, key=lambda one: (len(before[one].intersection(read)), len(before[one])))


def _before(unique_id: str, nodes: Mapping[str, Node]) -> set[str]:
    """All nodes that one is made of."""
    found: set[str] = set()
    left = [unique_id]
    while left:
        for parent in nodes[left.pop()].parents:
            if parent not in found:
                found.add(parent)
                left.append(parent)
    return found
