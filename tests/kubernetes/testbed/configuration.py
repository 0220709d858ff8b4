"""Command lines and configuration files of the node's components, and the keys between them."""

import base64
import json
import secrets
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.kubernetes.testbed import image, layout
from tests.kubernetes.testbed.components import Component
from tests.kubernetes.testbed.programs import Programs

KUBECONFIG: Final = layout.FOLDER / "kubeconfig"
CONTAINERD: Final = layout.FOLDER / "containerd.sock"
_KEYS: Final = layout.FOLDER / "keys"
_ADDRESS: Final = layout.NODE_ADDRESS
# Both the kubelet and the controllers make this folder, otherwise below /usr.
_VOLUME_PLUGINS: Final = layout.FOLDER / "volume-plugins"


def write_keys() -> None:
    """The administrator's token, and the key that signs the tokens of service accounts."""
    _KEYS.mkdir()
    (_KEYS / "token").write_text(secrets.token_hex(16))
    (_KEYS / "tokens.csv").write_text(f'{_token()},admin,admin,"system:masters"\n')
    private, public = _KEYS / "accounts.key", _KEYS / "accounts.pub"
    for command in (
        ["openssl", "genrsa", "-out", str(private), "2048"],
        ["openssl", "rsa", "-in", str(private), "-pubout", "-out", str(public)],
    ):
        subprocess.run(command, check=True, capture_output=True)


def write_kubeconfig() -> None:
    """For people and programs; the API server has signed its own certificate by now."""
    authority = base64.b64encode((_KEYS / "apiserver.crt").read_bytes()).decode()
    cluster = {"server": layout.API_SERVER, "certificate-authority-data": authority}
    context = {"cluster": "testbed", "user": "admin", "namespace": "default"}
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": _token()}}],
        "contexts": [{"name": "testbed", "context": context}],
    }
    _write(KUBECONFIG, text)


def define_etcd(programs: Programs) -> Component:
    """The store. It never waits for the disk: a test's machine may lose it all."""
    client, peer = layout.ETCD, f"http://127.0.0.1:{layout.ETCD_PEER_PORT}"
    return _define(
        "etcd",
        [
            str(programs.path("etcd")),
            f"--data-dir={layout.FOLDER}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        probe=f"{client}/health",
    )


def define_api_server(programs: Programs) -> Component:
    """The API server, with role-based access and all admission that is on by default."""
    return _define(
        "kube-apiserver",
        [
            str(programs.path("kube-apiserver")),
            f"--etcd-servers={layout.ETCD}",
            f"--bind-address={_ADDRESS}",
            f"--advertise-address={_ADDRESS}",
            f"--secure-port={layout.API_SERVER_PORT}",
            f"--cert-dir={_KEYS}",
            f"--token-auth-file={_KEYS}/tokens.csv",
            "--authorization-mode=RBAC",
            f"--service-cluster-ip-range={layout.SERVICES}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={_KEYS}/accounts.pub",
            f"--service-account-signing-key-file={_KEYS}/accounts.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--enable-priority-and-fairness=false",
            "--profiling=false",
        ],
        probe=f"{layout.API_SERVER}/readyz",
    )


def define_controller_manager(programs: Programs) -> Component:
    """The controllers. A silent node is NotReady after 20 s, not 50, for quick tests."""
    return _define(
        "kube-controller-manager",
        [
            str(programs.path("kube-controller-manager")),
            f"--kubeconfig={KUBECONFIG}",
            f"--authentication-kubeconfig={KUBECONFIG}",
            f"--authorization-kubeconfig={KUBECONFIG}",
            # The API server has no authority for clients' certificates to be looked up.
            "--authentication-skip-lookup",
            f"--service-account-private-key-file={_KEYS}/accounts.key",
            f"--root-ca-file={_KEYS}/apiserver.crt",
            "--use-service-account-credentials",
            # Each controller asks for a token first: at the usual 20 requests a second, 4 s.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--node-monitor-period=2s",
            "--node-monitor-grace-period=20s",
            f"--bind-address={_ADDRESS}",
            f"--secure-port={layout.CONTROLLER_MANAGER_PORT}",
            f"--flex-volume-plugin-dir={_VOLUME_PLUGINS}",
            "--leader-elect=false",
            "--profiling=false",
        ],
        probe=f"https://{_ADDRESS}:{layout.CONTROLLER_MANAGER_PORT}/healthz",
    )


def define_scheduler(programs: Programs) -> Component:
    """The scheduler."""
    return _define(
        "kube-scheduler",
        [
            str(programs.path("kube-scheduler")),
            f"--kubeconfig={KUBECONFIG}",
            f"--authentication-kubeconfig={KUBECONFIG}",
            f"--authorization-kubeconfig={KUBECONFIG}",
            # The API server has no authority for clients' certificates to be looked up.
            "--authentication-skip-lookup",
            f"--bind-address={_ADDRESS}",
            f"--secure-port={layout.SCHEDULER_PORT}",
            "--leader-elect=false",
        ],
        probe=f"https://{_ADDRESS}:{layout.SCHEDULER_PORT}/healthz",
    )


def define_containerd() -> Component:
    """The container runtime, with the folders of this machine in every container."""
    default = subprocess.run(["ctr", "oci", "spec"], check=True, capture_output=True).stdout
    _write(layout.FOLDER / "base-runtime-spec.json", image.base_runtime_spec(json.loads(default)))
    _write(layout.FOLDER / "cni" / "10-testbed.conflist", _pod_network())
    (layout.FOLDER / "containerd.toml").write_text(
        f"""version = 2
root = "{layout.FOLDER}/containerd"
state = "/run/containerd"

[grpc]
  address = "{CONTAINERD}"

# Programs that could be added to containerd; otherwise it makes a folder in /opt.
[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.FOLDER}/containerd-programs"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{layout.IMAGE}"
  stream_server_address = "127.0.0.1"
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE a sandbox may not lower its score, and dies of the attempt.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.FOLDER}/cni"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    base_runtime_spec = "{layout.FOLDER}/base-runtime-spec.json"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""
    )
    command = ["containerd", f"--config={layout.FOLDER}/containerd.toml", "--log-level=warn"]
    return _define("containerd", command, probe=str(CONTAINERD))


def define_kubelet(programs: Programs) -> Component:
    """The kubelet; pods are in a cgroup of the testbed's own."""
    # Nothing outside of the cluster has a name for pods.
    (layout.FOLDER / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": _ADDRESS,
        "port": layout.KUBELET_PORT,
        "readOnlyPort": 0,
        "healthzBindAddress": _ADDRESS,
        "healthzPort": layout.KUBELET_HEALTH_PORT,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{layout.FOLDER}/resolv.conf",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "volumePluginDir": str(_VOLUME_PLUGINS),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.CGROUP}",
        # 1.35 refuses cgroup v1 unless told; drop once no machine has it.
        "failCgroupV1": False,
        "failSwapOn": False,
        # The disk belongs to others as well: its being full is not the pods' fault.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        # No image can be pulled again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "5s",
        "nodeLeaseDurationSeconds": 16,
        "maxPods": 100,
    }
    _write(layout.FOLDER / "kubelet.json", settings)
    return _define(
        "kubelet",
        [
            str(programs.path("kubelet")),
            f"--config={layout.FOLDER}/kubelet.json",
            f"--kubeconfig={KUBECONFIG}",
            f"--hostname-override={layout.NODE}",
            f"--node-ip={_ADDRESS}",
            f"--cert-dir={_KEYS}/kubelet",
        ],
        probe=f"http://{_ADDRESS}:{layout.KUBELET_HEALTH_PORT}/healthz",
    )


def define_kube_proxy(programs: Programs) -> Component:
    """Services."""
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        # Pods share one bridge, so an answer would not come back through the node by itself.
        "iptables": {"masqueradeAll": True},
        "clientConnection": {"kubeconfig": str(KUBECONFIG)},
        "clusterCIDR": layout.SUBNET,
        "hostnameOverride": layout.NODE,
        "healthzBindAddress": f"{_ADDRESS}:{layout.KUBE_PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"{_ADDRESS}:{layout.KUBE_PROXY_METRICS_PORT}",
        # The limit is the machine's, not the network namespace's.
        "conntrack": {"maxPerCore": 0},
    }
    _write(layout.FOLDER / "kube-proxy.json", settings)
    return _define(
        "kube-proxy",
        [str(programs.path("kube-proxy")), f"--config={layout.FOLDER}/kube-proxy.json"],
        probe=f"http://{_ADDRESS}:{layout.KUBE_PROXY_HEALTH_PORT}/healthz",
    )


def define_dns(programs: Programs) -> Component:
    """DNS for pods; it knows the cluster and nothing else."""
    (layout.FOLDER / "Corefile").write_text(
        f"""cluster.local:53 {{
  bind {_ADDRESS}
  errors
  health {_ADDRESS}:{layout.DNS_HEALTH_PORT}
  kubernetes cluster.local {{
    kubeconfig {KUBECONFIG} testbed
    ttl 1
  }}
}}
.:53 {{
  bind {_ADDRESS}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""
    )
    return _define(
        "coredns",
        [str(programs.path("coredns")), f"-conf={layout.FOLDER}/Corefile"],
        probe=f"http://{_ADDRESS}:{layout.DNS_HEALTH_PORT}/health",
    )


def _pod_network() -> dict[str, Any]:
    addresses = {
        "subnet": layout.SUBNET,
        "rangeStart": layout.FIRST_POD_ADDRESS,
        "gateway": _ADDRESS,
    }
    bridge = {
        "type": "bridge",
        "bridge": layout.BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{layout.FOLDER}/addresses",
            "ranges": [[addresses]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    port_mapping = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "testbed", "plugins": [bridge, port_mapping]}


def _define(name: str, command: list[str], *, probe: str) -> Component:
    component = Component(name=name)
    component.define(command, probe=probe)
    return component


def _token() -> str:
    return (_KEYS / "token").read_text()


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
