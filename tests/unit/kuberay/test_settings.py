import pytest

from tests.support.kuberay.settings import Settings, read

DEFAULTS = Settings(
    health_host="",
    health_port=8082,
    domain="cluster.local",
    resync_s=300,
    status_check_timeout_s=300,
)


def test_without_flags_and_variables_it_is_as_kuberay_is() -> None:
    assert read([], {}) == DEFAULTS


@pytest.mark.parametrize("flag", ["--enable-leader-election", "--enable-leader-election=true"])
def test_the_flag_of_the_real_operators_deployment_is_taken(flag: str) -> None:
    assert read([flag], {"POD_NAMESPACE": "kuberay"}) == DEFAULTS


def test_flags_and_variables_that_mean_something_here_are_obeyed() -> None:
    variables = {
        "CLUSTER_DOMAIN": "example.org",
        "RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV": "60",
        "RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS": "30",
    }
    assert read(["--health-probe-bind-address=127.0.0.1:9"], variables) == Settings(
        health_host="127.0.0.1",
        health_port=9,
        domain="example.org",
        resync_s=60,
        status_check_timeout_s=30,
    )


@pytest.mark.parametrize("value", ["", "0", "-1", "soon"])
def test_seconds_that_are_none_are_the_default(value: str) -> None:
    assert read([], {"RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS": value}) == DEFAULTS


@pytest.mark.parametrize(
    "flag",
    [
        "--watch-namespace=a",
        "--feature-gates=RayCronJob=true",
        "--use-kubernetes-proxy",
        "--health-probe",
    ],
)
def test_any_other_flag_ends_it(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read([flag], {})
    assert end.value.code == 2
    words = f"this is the double of KubeRay's operator, which does not cover {flag}"
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "variable",
    [
        "DELETE_RAYJOB_CR_AFTER_JOB_FINISHES",
        "ENABLE_DETERMINISTIC_HEAD_POD_NAME",
        "ENABLE_INIT_CONTAINER_INJECTION",
        "ENABLE_LOGIN_SHELL",
        "ENABLE_PROBES_INJECTION",
        "ENABLE_RAY_HEAD_CLUSTER_IP_SERVICE",
        "RAYJOB_DEPLOYMENT_STATUS_TRANSITION_GRACE_PERIOD_SECONDS",
    ],
)
def test_any_other_variable_of_kuberay_ends_it(
    variable: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read([], {variable: "false"})
    assert f"does not cover the variable {variable}" in capsys.readouterr().err


def test_a_variable_that_is_empty_is_not_set() -> None:
    assert read([], {"ENABLE_LOGIN_SHELL": ""}) == DEFAULTS
