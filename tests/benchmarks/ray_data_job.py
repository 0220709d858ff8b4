"""The rival: the same `train.py` in Ray Train, fed by Ray Data instead of the platform's reader.

Run as a Ray Job: `python -m tests.benchmarks.ray_data_job <folder of the request> <result file>`.
Ray Data gets what makes it fast here: one reader of footers, columns already numeric and packed,
a block held in memory ahead.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_platform.storage import Folder
from ml_platform.training.api import Batch, FeatureEncoding, Split
from ml_platform.training.encoding import Encoder
from ml_platform.training.model_code import load_function
from ml_platform.training.request import REQUEST_FILE, TrainingRequest
from ml_platform.training.worker import Start, WorkerRun, set_up_torch

if TYPE_CHECKING:
    import pyarrow as pa


class RayDataRun(WorkerRun):
    """`TrainingRun` whose training rows come from a Ray Data shard."""

    validation_loss = 0.0

    def report(self, epoch: int, metrics: Mapping[str, float], tensors: Any) -> None:
        """See `TrainingRun.report`."""
        self.validation_loss = metrics["validation_loss"]
        super().report(epoch, metrics, tensors)

    def batches(self, split: Split, *, epoch: int = 0, rows: int = 1024) -> Iterator[Batch]:
        """See `TrainingRun.batches`; validation rows are read as ever."""
        import ray.train
        import torch

        if split == "validation":
            yield from super().batches(split, epoch=epoch, rows=rows)
            return
        widths = len(self.encoding.numbers), len(self.encoding.categories)
        for arrays in ray.train.get_dataset_shard("train").iter_batches(
            batch_size=rows, prefetch_batches=4, batch_format="numpy"
        ):
            yield Batch(
                torch.from_numpy(arrays["numbers"].reshape(-1, widths[0])),
                torch.from_numpy(arrays["categories"].reshape(-1, widths[1])),
                torch.from_numpy(arrays["label"]),
            )


def main(folder_uri: str, result_file: str) -> None:
    """Train the request of the folder and leave the loop's seconds in the file."""
    os.environ.setdefault("RAY_DATA_PARQUET_FOOTER_NUM_ACTORS", "1")
    import ray
    import ray.data
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from ml_platform.training.entrypoint import prepare

    request = TrainingRequest.model_validate_json(Folder(folder_uri).read(REQUEST_FILE))
    encoding, files, _ = prepare(request)
    ray.init()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A local Ray has CPUs for many jobs; more tasks than this only take turns on the real ones.
    context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(
        cpu=request.cluster.head.cpus
    )
    encoder = Encoder(encoding)
    every = request.training.validation_every

    def encode(table: "pa.Table") -> dict[str, Any]:
        import numpy as np

        kept = table.filter(np.arange(table.num_rows) % every != every // 2)
        numbers, categories, label = encoder.encode(kept)
        return {"numbers": numbers, "categories": categories, "label": label}

    dataset = ray.data.read_parquet(
        [uri.removeprefix("file://") for uri, _ in files], columns=encoder.columns
    ).map_batches(encode, batch_format="pyarrow", batch_size=None)
    TorchTrainer(
        loop,
        train_loop_config={
            "request": request.model_dump_json(),
            "encoding": encoding.model_dump_json(),
            "files": files,
            "result": result_file,
        },
        scaling_config=ScalingConfig(num_workers=request.cluster.worker_count),
        # A name of its own, or Ray would go on from the last turn's checkpoint.
        run_config=RunConfig(
            name=Path(result_file).stem, storage_path=str(Path(result_file).parent)
        ),
        datasets={"train": dataset},
    ).fit()


def loop(config: dict[str, Any]) -> None:
    """Runs in each worker: the model's own `train.py`."""
    import ray.train

    request = TrainingRequest.model_validate_json(config["request"])
    encoding = FeatureEncoding.model_validate_json(config["encoding"])
    context = ray.train.get_context()
    rank, world_size = context.get_world_rank(), context.get_world_size()
    set_up_torch(request)
    began = time.monotonic()
    run = RayDataRun(
        request,
        encoding,
        start=Start(attempt=1),
        files=config["files"],
        rank=rank,
        world_size=world_size,
    )
    load_function(request.code_folder, "train", "train")(run)
    if rank == 0:
        found = {"loop_s": time.monotonic() - began, "validation_loss": run.validation_loss}
        Path(config["result"]).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
