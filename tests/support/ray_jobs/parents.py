"""A driver that says whose child it and a worker of Ray's are, and what they began with: JSON."""

import json
import os
import sys

import psutil

Origin = dict[str, object]


def origin() -> Origin:
    """The parent's command line, and whether torch was there before anybody imported it."""
    parent = psutil.Process(os.getppid())
    return {"parent": " ".join(parent.cmdline()), "torch": "torch" in sys.modules}


def main() -> None:
    """Look at this process, then at a worker, each before it has imported anything of its own."""
    found = {"driver": origin()}
    import ray

    ray.init()
    found["worker"] = ray.get(ray.remote(origin).remote())
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
