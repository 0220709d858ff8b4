"""The shortest program of a user: it says when it begins, and when a task runs on each worker."""

import sys
import time

if __name__ == "__main__":
    print(f"user code at {time.time()}", flush=True)  # noqa: T201
    import ray
    from ray.util.placement_group import placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    workers = int(sys.argv[1])
    ray.init(log_to_driver=False)
    apart = placement_group([{"CPU": 1}] * workers, strategy="STRICT_SPREAD")
    clock = ray.remote(num_cpus=1)(lambda: time.time())  # of builtins it makes no task
    places = [
        PlacementGroupSchedulingStrategy(apart, placement_group_bundle_index=one)
        for one in range(workers)
    ]
    began = ray.get([clock.options(scheduling_strategy=one).remote() for one in places])
    print(f"on each worker at {max(began)}", flush=True)  # noqa: T201
