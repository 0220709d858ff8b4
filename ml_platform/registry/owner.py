"""Whose a namespace on an MLflow server is: the first installation that comes has it.

Two installations of one namespace on one server would judge each other's versions and take each
other's champions for their own.
"""

from dataclasses import dataclass
from typing import Any, Final

from ml_platform.errors import SettingsError
from ml_platform.place import Owner, owner_of, place_of
from ml_platform.registry.mlflow_registry import Registry
from ml_platform.registry.store import error_code, registry_errors
from ml_platform.settings import Settings, without_passwords

WAREHOUSE_TAG: Final = "ml_platform.warehouse"
ID_TAG: Final = "ml_platform.warehouse_id"
# What MLflow's pages show above an experiment.
NOTE_TAG: Final = "mlflow.note.content"
NOTE: Final = (
    "No runs are kept here. This experiment says whose the models of its name are: those of the "
    "installation with the warehouse in its tags. Deleted, it is the next one's that comes."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamespaceClaim:
    """Claims a namespace on a server for an installation, whose machines share its warehouse.

    Called with MLflow's client before anything is read.

    Attributes:
        namespace: Environment and sandbox.
        warehouse: See `Place.warehouse`.
        server: Its address, for messages.
    """

    namespace: str
    warehouse: str
    server: str

    def __call__(self, client: Any) -> None:
        """Make it ours, unless it is.

        Raises:
            SettingsError: it is that of another installation.
            RegistryError: the server refuses or does not answer.
        """
        ours = owner_of(self.warehouse)
        with registry_errors(f"claim the namespace {self.namespace}"):
            theirs = self._claimed(client, ours)
        if theirs == ours:
            return
        raise SettingsError(
            f"the models of the namespace {self.namespace} on {without_passwords(self.server)} are "
            f"those of another installation, whose warehouse is {theirs.warehouse or 'unknown'}; "
            f"ours is {self.warehouse}",
            hint="set MLP_SANDBOX to a name of your own, or another MLP_MLFLOW_TRACKING_URI; if it "
            f"is the same warehouse in a new place, delete the experiment {self.namespace} there.",
        )

    def _claimed(self, client: Any, ours: Owner) -> Owner:
        """Whose it is now."""
        from mlflow.exceptions import MlflowException

        tags = {WAREHOUSE_TAG: ours.warehouse, ID_TAG: ours.id}
        found = client.get_experiment_by_name(self.namespace)
        if found is None:
            try:
                # With its tags: nobody ever sees one that has no owner yet.
                client.create_experiment(self.namespace, tags={**tags, NOTE_TAG: NOTE})
            except MlflowException as error:
                if error_code(error) != "RESOURCE_ALREADY_EXISTS":
                    raise
        elif found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
            for key, value in tags.items():
                client.set_experiment_tag(found.experiment_id, key, value)
        there = client.get_experiment_by_name(self.namespace).tags
        return Owner(warehouse=there.get(WAREHOUSE_TAG, ""), id=there.get(ID_TAG, ""))


def open_registry(settings: Settings) -> Registry:
    """The registry of the settings, whose namespace has to be ours where others come too."""
    if not settings.mlflow_tracking_uri:  # in the home, and moves with it
        return Registry(settings)
    claim = NamespaceClaim(
        namespace=settings.namespace,
        warehouse=place_of(settings).warehouse,
        server=settings.tracking_uri,
    )
    return Registry(settings, claim=claim)
