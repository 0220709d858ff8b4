"""A double of KubeRay's operator 1.7.0 for RayCluster and for RayJob in InteractiveMode.

It runs against a real API server, makes real pods, and does what the real operator was recorded
doing; `tests/kubernetes/conformance` compares the two. What it does not cover it refuses, in the
place where the real one says that a spec is invalid.

Pure modules say what ought to be (`pods`, `services`, `pod_plan`, `cluster_status`, `job_steps`,
the validations); `cluster_controller` and `job_controller` act; `operator` wires them up.
"""
