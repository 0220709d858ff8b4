"""A dbt project of thousands of models, in the layers that data teams use."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSTEMS: Final = 20
MODELS_PER_FILE: Final = 5

PROJECT: Final = """
name: bigco
profile: bigco
models:
  bigco:
    staging: {+materialized: view, +schema: staging, +tags: [layer_staging]}
    intermediate: {+materialized: view, +schema: intermediate, +tags: [layer_intermediate]}
    marts: {+materialized: table, +schema: marts, +tags: [layer_marts]}
    features:
      +materialized: incremental
      +incremental_strategy: delete+insert
      +unique_key: [id, event_date]
      +schema: features
      +event_time: event_date
flags: {send_anonymous_usage_stats: false}
"""

PROFILES: Final = """
bigco:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('BIGCO_FILE', 'dev.duckdb') }}", schema: dev, threads: 2}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model, and what it is a join of."""

    name: str
    layer: str
    folder: str
    parents: Sequence[str]


def big_project(folder: Path, *, models: int = 2500, seed: int = 7) -> Path:
    """Write the project: a quarter of `models` are staging, one for each source."""
    random_ = random.Random(seed)
    staging = models * 24 // 100
    sources = [f"sys{n % SYSTEMS:02d}.t{n // SYSTEMS:03d}" for n in range(staging)]
    made = list(_models(models, sources, random_))
    _write(folder / "dbt_project.yml", PROJECT)
    _write(folder / "profiles.yml", PROFILES)
    for system in range(SYSTEMS):
        name = f"sys{system:02d}"
        tables = [one.split(".")[1] for one in sources if one.startswith(name)]
        _write(folder / f"models/staging/{name}/_sources.yml", _sources(name, tables))
    for model in made:
        _write(folder / f"models/{model.layer}/{model.folder}/{model.name}.sql", _sql(model))
    for number in range(0, len(made), MODELS_PER_FILE):
        some = made[number : number + MODELS_PER_FILE]
        described = "".join(_described(model, random_) for model in some)
        _write(folder / f"models/{some[0].layer}/_models_{number}.yml", f"models:\n{described}")
    return folder


def _models(count: int, sources: Sequence[str], random_: random.Random) -> Iterator[Model]:
    names: dict[str, list[str]] = {"staging": [], "intermediate": [], "marts": []}
    for source in sources:
        system, table = source.split(".")
        names["staging"].append(f"stg_{system}__{table}")
        yield Model(name=names["staging"][-1], layer="staging", folder=system, parents=[source])
    shares = {"marts": count * 28 // 100, "features": count * 12 // 100}
    shares = {"intermediate": count - len(sources) - sum(shares.values())} | shares
    below = {"intermediate": "staging", "marts": "intermediate", "features": "marts"}
    for layer, share in shares.items():
        for number in range(share):
            pool = names[below[layer]]
            parents = random_.sample(pool, min(len(pool), random_.choice([1, 2, 2, 3])))
            name = f"{layer[:4]}_{number:04d}"
            names.setdefault(layer, []).append(name)
            yield Model(name=name, layer=layer, folder=f"d{number % 16:02d}", parents=parents)


def _sql(model: Model) -> str:
    first, *others = model.parents
    if model.layer == "staging":
        read = "source('{}', '{}')".format(*first.split("."))
        return f"select *, cast(event_ts as date) as event_date from {{{{ {read} }}}}"
    joins = "".join(
        f"\nleft join {{{{ ref('{other}') }}}} as a{place} using (id, event_date)"
        for place, other in enumerate(others, start=1)
    )
    return f"select a0.* from {{{{ ref('{first}') }}}} as a0{joins}"


def _sources(name: str, tables: Sequence[str]) -> str:
    listed = "".join(
        f"      - {{name: {table}, description: Raw table {table} of {name}., "
        "columns: [{name: id, description: Key.}, {name: event_ts, description: When.}]}\n"
        for table in tables
    )
    return f"sources:\n  - name: {name}\n    schema: raw_{name}\n    tables:\n{listed}"


def _described(model: Model, random_: random.Random) -> str:
    unique = ", unique" if random_.random() < 0.4 else ""
    tested = ", data_tests: [not_null]" if random_.random() < 0.4 else ""
    metrics = "".join(
        f"      - {{name: m{number}, description: Metric m{number} of {model.name}.}}\n"
        for number in range(1, 9)
    )
    return (
        f"  - name: {model.name}\n"
        f"    description: Model {model.name} of the layer {model.layer}, a row per id and day.\n"
        "    columns:\n"
        f"      - {{name: id, description: Key., data_tests: [not_null{unique}]}}\n"
        "      - {name: event_date, description: Day., data_tests: [not_null]}\n"
        f"      - {{name: country, description: ISO code.{tested}}}\n{metrics}"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
