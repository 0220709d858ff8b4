"""One day of a backfill in a process of its own; what came of it is JSON on standard output.

python -m ml_platform.backfill.one_day <model> <day> <stage>...
"""

import sys
from collections.abc import Sequence
from typing import cast

from pydantic import TypeAdapter

from ml_platform.backfill.executor import StepResult, failed_step
from ml_platform.backfill.plan import Step
from ml_platform.backfill.session import open_session
from ml_platform.errors import PlatformError
from ml_platform.model_folder.read import read_model
from ml_platform.settings import load_settings
from ml_platform.stages import Stage


def run_day(name: str, day: str, stages: Sequence[Stage]) -> StepResult:
    """Run `stages` of a model's `day`; an error is the result's message."""
    step = Step(stages=tuple(stages), assets=(), days=(day,))
    try:
        with open_session(load_settings()) as session:
            chain = session.chain(read_model(name))
            assets = tuple(key for stage in stages for key in chain.assets(stage))
            with session.executor(chain) as executor:
                return executor.day(Step(stages=step.stages, assets=assets, days=step.days))
    except PlatformError as error:
        return failed_step(step, error)


if __name__ == "__main__":
    try:
        result = run_day(sys.argv[1], sys.argv[2], cast("list[Stage]", sys.argv[3:]))
    except KeyboardInterrupt:
        sys.exit(130)
    sys.stdout.buffer.write(TypeAdapter(StepResult).dump_json(result))
