"""How dbt's models and tests look as Dagster's assets and checks."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from ml_platform.stages import RAW


class FeatureTranslator(DagsterDbtTranslator):
    """A model's group is its folder (`staging`, `features`); a check says what its test says."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The folder under `models/`; a source belongs to `raw`."""
        if dbt_resource_props["resource_type"] == "source":
            return RAW
        return str(dbt_resource_props["fqn"][1])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The description from the model's YAML, without the SQL: dagster-dbt repeats it all."""
        return str(dbt_resource_props["description"])

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """The test's description, a sentence, becomes the check's; dagster-dbt leaves it empty."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        description = manifest["nodes"][unique_id].get("description")
        return spec._replace(description=description) if spec and description else spec
