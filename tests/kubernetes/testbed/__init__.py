"""A Kubernetes node on this machine: built from pinned programs, brought up, taken down.

Nothing here is a test. The tests beside this folder use `node` and `cluster`; a person uses
`make kubernetes-up`, which is `python -m tests.kubernetes.testbed up`.
"""
