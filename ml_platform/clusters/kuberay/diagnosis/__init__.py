"""Why a cluster on Kubernetes does not come up, or lost something: pure functions over `Seen`.

Start at `diagnose`; `head` and `memory` tell how a cluster that ran came to its end.
"""
