"""One day of a backfill in a process of its own; what came of it is JSON on standard output.

python -m ml_platform.cli.one_day <model> <day> <stage>...
"""

import sys
from collections.abc import Sequence
from typing import cast

from ml_platform.cli.boundary import guarded
from ml_platform.cli.output import print_json
from ml_platform.cli.plan import Stage, Step
from ml_platform.cli.session import open_session
from ml_platform.model_folder.read import read_model
from ml_platform.settings import load_settings


def main(name: str, day: str, stages: Sequence[str]) -> None:
    """Run `stages` of a model's `day`."""
    wanted = cast("tuple[Stage, ...]", tuple(stages))
    with open_session(load_settings()) as session:
        chain = session.chain(read_model(name))
        assets = tuple(key for stage in wanted for key in chain.assets(stage))
        with session.executor(chain, quiet=True) as executor:
            result = executor.day(Step(stages=wanted, assets=assets, days=(day,)))
    print_json(result)


if __name__ == "__main__":
    sys.exit(guarded(lambda: main(sys.argv[1], sys.argv[2], sys.argv[3:])))
