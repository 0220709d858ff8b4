"""Whether processes on a cluster record what they do; `MLP_RECORDING=off` in their pods says no.

For who suspects recording of being in the way, and for the benchmark that says how much it costs.
What decides anything (claims, checkpoints, results) is no recording, and is written all the same.
"""

import os
from collections.abc import Mapping
from typing import Final

RECORDING: Final = "MLP_RECORDING"
OFF: Final = "off"


def records(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether steps, nodes and the log are recorded."""
    return environ.get(RECORDING, "") != OFF
