"""What can go wrong with the testbed itself, never with the code under test.

KubernetesTestError
├── ProgramsError     a Go program could not be built
├── UnreadableError   pods could not read the checkout
├── NamespacesError   the node's network and mounts
├── CgroupError       the cgroup of the pods
├── ComponentError    a component does not start; with the end of its log
├── NodeError         the node as a whole
├── FaultError        a fault could not be made or undone
└── ClusterError      kubectl, or a cluster from outside
"""


class KubernetesTestError(Exception):
    """Base of all; the message says what was wanted, what was found and what to do."""
