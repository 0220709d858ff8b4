"""The asset graph as text that a person can read and a test can compare.

After a wanted change: `python -m tests.support.graph > tests/graph.txt`, and read the difference.
"""

import sys
from collections.abc import Iterator

import dagster as dg


def describe(definitions: dg.Definitions) -> str:
    """Every asset with what it comes from, its checks, and every job and schedule."""
    return "\n".join([*_assets(definitions), *_jobs(definitions), *_schedules(definitions), ""])


def _assets(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    for key in sorted(specs, key=lambda one: (specs[one].group_name or "", list(one.path))):
        spec, node = specs[key], graph.get(key)
        about = [
            f"group={spec.group_name}",
            f"owners={','.join(spec.owners)}",
            f"kinds={','.join(sorted(spec.kinds))}",
            f"partitions={'daily' if spec.partitions_def else 'none'}",
        ]
        if node.backfill_policy:
            about.append(f"backfill={node.backfill_policy.policy_type.value.lower()}")
        yield f"asset {key.to_user_string()}  {'  '.join(about)}"
        for parent in sorted(node.parent_keys, key=lambda one: list(one.path)):
            yield f"    from {parent.to_user_string()}"
        for check in sorted(node.check_keys, key=lambda one: one.name):
            blocking = " (blocking)" if graph.get(check).blocking else ""
            yield f"    check {check.name}{blocking}"


def _jobs(definitions: dg.Definitions) -> Iterator[str]:
    for job in sorted(definitions.resolve_all_job_defs(), key=lambda one: one.name):
        if job.name.startswith("__"):
            continue
        yield f"job {job.name}"
        keys = [key.to_user_string() for key in job.asset_layer.executable_asset_keys]
        yield from (f"    makes {key}" for key in sorted(keys))


def _schedules(definitions: dg.Definitions) -> Iterator[str]:
    for schedule in sorted(definitions.schedules or (), key=lambda one: one.name):
        yield f"schedule {schedule.name}  {schedule.cron_schedule}  {schedule.execution_timezone}"  # type: ignore[union-attr]


if __name__ == "__main__":
    from ml_platform.definitions import defs

    sys.stdout.write(describe(defs()))
