"""The nodes of a dbt project that matter to the platform, as typed values.

    dbt's manifest ──read_nodes──► Project: Node (model, seed, snapshot, source) and NodeTest

dbt's unique ids are the keys inside of the platform, asset keys and relations are what it shows.
The manifest, tens of megabytes at thousands of models, is read once for each state of a project.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from ml_platform.errors import DbtProjectError
from ml_platform.warehouse.interface import TableRef

Kind = Literal["model", "seed", "snapshot", "source"]
Period = Literal["hour", "day", "week", "month", "year"]
Key = tuple[str, ...]

FORMAT: Final = 1
"""Of the file that nodes are kept in; another number is another parse."""


class NodeColumn(NamedTuple):
    """A column as the project's YAML describes it; `type` is empty where it says none."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What is an asset: a model that is not ephemeral, a seed, a snapshot or a source.

    Attributes:
        unique_id: dbt's own name: `model.<package>.<name>`.
        kind: dbt's word for what it is.
        key: The asset's key, as dagster-dbt would have it.
        name: The name within its package.
        package: The package that has it.
        file: The file within that package.
        description: In the words of the YAML.
        group: The asset's group.
        owners: E-mail addresses and `team:<name>`.
        tags: dbt's tags.
        dagster: What its `meta.dagster` says.
        columns: Those that the YAML describes.
        parents: Nodes by unique id that it reads; those of an ephemeral model in its place.
        database: Where its schema is: a BigQuery project, an attached DuckDB file.
        schema: Its schema, or BigQuery's dataset.
        identifier: The table's name there.
        relation: The table as dbt writes it into SQL, quoted; empty where there is none.
        materialized: dbt's word for what is made: `incremental`, `table`, `view`, `seed`.
        code: Names its code.
        event_day: The column with the day of a row; empty where it has no event day.
        period: What it is built by; partitions are days whatever it is.
        empty_days: Whether a day may be without rows, by its own word.
    """

    unique_id: str
    kind: Kind
    key: Key
    name: str
    package: str
    file: str
    description: str
    group: str
    owners: tuple[str, ...]
    tags: tuple[str, ...]
    dagster: dict[str, Any]
    columns: tuple[NodeColumn, ...]
    parents: tuple[str, ...]
    database: str
    schema: str
    identifier: str
    relation: str
    materialized: str
    code: str
    event_day: str
    period: Period
    empty_days: bool

    @property
    def is_daily(self) -> bool:
        """Whether its asset has a partition for each day."""
        return bool(self.event_day) and self.kind == "model"

    @property
    def ref(self) -> TableRef:
        """Its table."""
        return TableRef(self.schema, self.identifier)

    @property
    def asset(self) -> str:
        """Its key as people and commands write it."""
        return "/".join(self.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeTest:
    """A test of dbt, which is an asset check.

    Attributes:
        unique_id: dbt's own name.
        name: The check's name.
        description: A sentence, where the YAML has one.
        node: The node that it is a test of.
        others: More nodes that it reads.
        blocking: Whether a failure is an error, and no warning.
    """

    unique_id: str
    name: str
    description: str
    node: str
    others: tuple[str, ...]
    blocking: bool


@dataclass(frozen=True, kw_only=True)
class Project:
    """A parsed dbt project.

    Attributes:
        name: Its name in `dbt_project.yml`.
        version: Names what it builds: all its files, and dbt's version.
        adapter: dbt's name of the engine: `duckdb`, `bigquery`.
        nodes: By unique id.
        tests: By unique id.
    """

    name: str
    version: str
    adapter: str
    nodes: Mapping[str, Node]
    tests: Mapping[str, NodeTest] = field(default_factory=dict)

    @cached_property
    def by_key(self) -> dict[Key, Node]:
        """The nodes by the keys of their assets."""
        return {node.key: node for node in self.nodes.values()}

    @property
    def built(self) -> Iterator[Node]:
        """Nodes that dbt makes: all but the sources."""
        return (node for node in self.nodes.values() if node.kind != "source")

    @property
    def sources(self) -> Iterator[Node]:
        """Tables that somebody else makes."""
        return (node for node in self.nodes.values() if node.kind == "source")

    def named(self, asset: str) -> Node | None:
        """The node whose asset is called so: `flight_features`, `marts/orders`."""
        return self.by_key.get(tuple(asset.split("/")))


def to_json(project: Project) -> str:
    """A project as text that `from_json` reads."""
    return json.dumps(
        {
            "name": project.name,
            "version": project.version,
            "adapter": project.adapter,
            "nodes": [asdict(node) for node in project.nodes.values()],
            "tests": [asdict(test) for test in project.tests.values()],
        },
        separators=(",", ":"),
    )


def from_json(text: str) -> Project:
    """The project that `to_json` wrote."""
    read = json.loads(text)
    nodes = (Node(**_restored(one)) for one in read["nodes"])
    tests = (NodeTest(**(one | {"others": tuple(one["others"])})) for one in read["tests"])
    return Project(
        name=read["name"],
        version=read["version"],
        adapter=read["adapter"],
        nodes={node.unique_id: node for node in nodes},
        tests={test.unique_id: test for test in tests},
    )


def require_own_keys(nodes: Iterable[Node]) -> None:
    """Check that no two nodes would be one asset.

    Raises:
        DbtProjectError: two are; names both files.
    """
    seen: dict[Key, Node] = {}
    for node in nodes:
        other = seen.setdefault(node.key, node)
        if other is not node:
            raise DbtProjectError(
                f"{other.unique_id} ({other.file}) and {node.unique_id} ({node.file}) would both "
                f"be the asset {node.asset}",
                hint="give one of them a key of its own, in its YAML: "
                f"config: {{meta: {{dagster: {{asset_key: [{node.package}, {node.name}]}}}}}}.",
            )


def _restored(one: dict[str, Any]) -> dict[str, Any]:
    for name in ("key", "owners", "tags", "parents"):
        one[name] = tuple(one[name])
    one["columns"] = tuple(NodeColumn(*column) for column in one["columns"])
    return one
