"""Ray Train's torch backend, mended.

Imports ray at module level: only the driver imports this module, from inside a function.
"""

# ruff: noqa: TID253
import sys

from ray.exceptions import RayError
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend


class TolerantTorchBackend(_TorchBackend):
    """Does not fail over workers that are dead already.

    In Ray 2.60 `on_shutdown` asks every worker, and the death of one escapes as a failure of the
    controller, which hides the cause. Drop once Ray keeps that error inside.
    """

    def on_shutdown(self, worker_group: object, backend_config: TorchConfig) -> None:
        """Shut down the process group; dead workers need none."""
        try:
            super().on_shutdown(worker_group, backend_config)
        except RayError as error:
            sys.stderr.write(f"ignored while shutting down torch: {type(error).__name__}\n")


class TolerantTorchConfig(TorchConfig):
    """`TorchConfig` with the mended backend."""

    @property
    def backend_cls(self) -> type[TolerantTorchBackend]:
        """Which backend Ray Train makes."""
        return TolerantTorchBackend
