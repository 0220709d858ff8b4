from tests.support.kuberay.services import (
    cluster_head_service,
    dashboard_address,
    endpoints,
    job_head_service,
)
from tests.unit.kuberay.things import cluster, container, job


def test_the_head_service_is_headless_and_has_the_usual_ports() -> None:
    service = cluster_head_service(cluster())
    assert service["metadata"]["name"] == "rc1-head-svc"
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"]
    assert [(port["name"], port["port"]) for port in service["spec"]["ports"]] == [
        ("client", 10001),
        ("dashboard", 8265),
        ("gcs-server", 6379),
        ("metrics", 8080),
        ("serve", 8000),
    ]


def test_declared_ports_take_the_place_of_the_usual_ones() -> None:
    ports = [{"name": "gcs-server", "containerPort": 6380}, {"containerPort": 7}]
    template = {"spec": {"containers": [container(ports=ports)]}}
    service = cluster_head_service(cluster(headGroupSpec={"template": template}))
    assert {port["name"]: port["port"] for port in service["spec"]["ports"]} == {
        "7-port": 7,
        "gcs-server": 6380,
        "metrics": 8080,
    }
    assert dashboard_address(service, "cluster.local") is None


def test_the_services_of_job_and_cluster_lead_to_the_same_head() -> None:
    of_cluster = cluster_head_service(cluster())
    of_job = job_head_service(job(), cluster())
    assert of_job["metadata"]["name"] == "rj1-head-svc"
    assert of_job["spec"]["selector"] == of_cluster["spec"]["selector"]
    assert of_job["metadata"]["labels"] == {
        "ray.io/originated-from-cr-name": "rj1",
        "ray.io/originated-from-crd": "RayJob",
        "ray.io/node-type": "head",
        "ray.io/identifier": "rj1-head",
    }


def test_the_dashboards_address_has_no_scheme() -> None:
    address = dashboard_address(cluster_head_service(cluster()), "cluster.local")
    assert address == "rc1-head-svc.ns.svc.cluster.local:8265"


def test_endpoints_are_target_ports_by_name() -> None:
    service = {"spec": {"ports": [{"name": "a", "port": 1, "targetPort": 2}, {"port": 3}]}}
    assert endpoints(service) == {"a": "2"}


def test_the_head_service_has_the_annotations_that_were_asked_for() -> None:
    service = cluster_head_service(cluster(headServiceAnnotations={"a": "b"}))
    assert service["metadata"]["annotations"] == {"a": "b"}
