"""Ray's command line without Ray Serve, which nobody here uses and which takes half of its import.

`python -m ml_platform.clusters.local.ray_command start …` is `ray start …`. Ray goes on without the
commands of a part that cannot be imported. Until Ray imports Serve only for `ray serve`.
"""

import sys


def main() -> None:
    """Run the command in `sys.argv`."""
    sys.modules["ray.serve"] = None  # type: ignore[assignment]  # Python's way to forbid an import
    from ray.scripts.scripts import main as ray

    ray()


if __name__ == "__main__":
    main()
