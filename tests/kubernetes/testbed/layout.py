"""Where the node is: its folder, its addresses and its names.

There is at most one node on a machine, so all of this is fixed. The node's own programs, its
bridge and its packet filter live in a network namespace of their own; this machine reaches them
through one link, and needs nothing else.
"""

import sys
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[3]

FOLDER: Final = Path("/var/lib/ml-platform-testbed")
# In the environment of all that the node starts, so that nothing else is ever ended.
MARK: Final = f"testbed:{FOLDER}"
CGROUP: Final = "ml-platform-testbed"

NODE: Final = "testbed"
BRIDGE: Final = "pods"
HOST_LINK: Final = "mlp-testbed"
SUBNET: Final = "10.86.0.0/24"
# The node: API server, DNS and object storage, for pods and for this machine.
NODE_ADDRESS: Final = "10.86.0.1"
# This machine as pods see it: where a server that a test runs can be reached.
HOST_ADDRESS: Final = "10.86.0.2"
FIRST_POD_ADDRESS: Final = "10.86.0.10"
SERVICES: Final = "10.87.0.0/16"

API_SERVER_PORT: Final = 6443
ETCD_PORT: Final = 2379
ETCD_PEER_PORT: Final = 2380
CONTROLLER_MANAGER_PORT: Final = 10257
SCHEDULER_PORT: Final = 10259
KUBELET_PORT: Final = 10250
KUBELET_HEALTH_PORT: Final = 10248
KUBE_PROXY_HEALTH_PORT: Final = 10256
KUBE_PROXY_METRICS_PORT: Final = 10249
DNS_HEALTH_PORT: Final = 8181
OBJECT_STORAGE_PORT: Final = 4443

API_SERVER: Final = f"https://{NODE_ADDRESS}:{API_SERVER_PORT}"
ETCD: Final = f"http://{NODE_ADDRESS}:{ETCD_PORT}"

# `.invalid` names never resolve: should a pod ask for a pull, it fails at once.
IMAGE: Final = "testbed.invalid/ml-platform:1"
ANOTHER_IMAGE: Final = "testbed.invalid/another:1"
IMAGES: Final = {
    IMAGE: f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/usr/sbin",
    ANOTHER_IMAGE: "/usr/sbin",
}
"""Each with its PATH; in the other one nothing finds Python or Ray."""
# Whom pods run as, unless they say otherwise.
USER: Final = 1000
