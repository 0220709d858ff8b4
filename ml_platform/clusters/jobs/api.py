"""Ray's Jobs API over HTTP, and its State API's nodes: one method per request, answers as values.

Spoken directly and not through `ray.job_submission.JobSubmissionClient`, which has no time-out (a
frozen head would hang its caller for ever), obeys `RAY_ADDRESS` over the address it is given, and
costs two seconds of `import ray` in every step.
"""

import math
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ml_platform.clusters.interface import QUIET_S, HeadAddress
from ml_platform.clusters.jobs.cut_off import cut_off_when
from ml_platform.clusters.jobs.websocket import Opening
from ml_platform.errors import (
    ApiForbiddenError,
    ClusterError,
    HeadUnreachableError,
    JobExistsError,
    LogStreamBrokenError,
)

if TYPE_CHECKING:
    import httpx

TERMINAL: Final = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
REQUEST_TIMEOUT_S: Final = 20.0
# The first submission makes Ray's agent connect to the cluster, which takes up to 8 s on two cores.
SUBMIT_TIMEOUT_S: Final = 90.0
# 100 MiB over a slow line.
UPLOAD_TIMEOUT_S: Final = 600.0
NOT_BEGUN: Final = frozenset(
    {
        "RUNTIME_ENV_SETUP_FAILURE",
        "JOB_SUPERVISOR_ACTOR_START_TIMEOUT",
        "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE",
    }
)
"""Ray's words for why it could not begin a job.

A fourth, `JOB_SUPERVISOR_ACTOR_START_FAILURE`, is said of jobs that ran, too.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobDetails:
    """A job as the head knows it.

    Attributes:
        submission_id: Its id.
        status: Ray's word for where it is in its life.
        message: What Ray says of that.
        started_ms: When, since 1970; 0 where it is not known.
        error_type: Ray's word for why it failed; empty where it has none.
    """

    submission_id: str
    status: str
    message: str
    started_ms: int = 0
    error_type: str = ""

    @property
    def is_pending(self) -> bool:
        """Ray has taken the job, and has not begun it."""
        return self.status == "PENDING"

    @property
    def could_not_begin(self) -> bool:
        """Ray has given it up before it ran."""
        return self.status == "FAILED" and self.error_type in NOT_BEGUN

    @property
    def is_over(self) -> bool:
        """The job will not run any more."""
        return self.status in TERMINAL


class JobsApi:
    """The requests; a context manager, because it keeps a connection open.

    Args:
        head: Whom to ask.
        quiet_s: After how many seconds without a line `tail` says so.
    """

    def __init__(self, head: HeadAddress, *, quiet_s: float = QUIET_S) -> None:
        self._head = head
        self._quiet_s = quiet_s
        self._http: httpx.Client | None = None
        self._connection: socket.socket | None = None

    @property
    def url(self) -> str:
        """The head's address, for messages."""
        return self._head.url

    def jobs(self) -> list[JobDetails]:
        """All submitted jobs.

        Raises:
            HeadUnreachableError: no answer, or the head's own failure.
            ApiForbiddenError: the API server before the head refuses the account.
            ClusterError: the head refuses.
        """
        answer = self._request("GET", "/api/jobs/").json()
        return [_details(job) for job in answer if job.get("submission_id")]

    def last_used_s(self, *, within_s: float = REQUEST_TIMEOUT_S) -> float | None:
        """When the last job ended, in seconds since 1970; infinite while one goes on.

        Drivers that were not submitted count too: notebooks, and who has connected. None if there
        never was any.

        Args:
            within_s: How long the head may be silent.

        Raises as `jobs`.
        """
        asked = self._request("GET", "/api/jobs/", timeout_s=within_s)
        answer: list[dict[str, Any]] = asked.json()
        # One whose end is not known has not ended.
        ends = (
            int(job.get("end_time") or 0) / 1000 if str(job["status"]) in TERMINAL else math.inf
            for job in answer
        )
        return max(ends, default=None)

    def live_nodes(self) -> int:
        """How many nodes have joined and live; the head's own is one. Raises as `jobs`.

        A dashboard answers before that, and a job that is submitted then may never run: who starts
        Ray gives up on a node that is late.
        """
        answer = self._request("GET", "/api/v0/nodes").json()
        return sum(node["state"] == "ALIVE" for node in answer["data"]["result"]["result"])

    def job(self, submission_id: str, *, within_s: float = REQUEST_TIMEOUT_S) -> JobDetails | None:
        """One job, or None if the head knows none of this id.

        Args:
            submission_id: The job.
            within_s: How long the head may be silent.

        Raises as `jobs`.
        """
        path = f"/api/jobs/{submission_id}"
        answer = self._request("GET", path, allow=404, timeout_s=within_s)
        return None if answer.status_code == 404 else _details(answer.json())

    def submit(
        self,
        submission_id: str,
        entrypoint: str,
        *,
        env: Mapping[str, str],
        metadata: Mapping[str, str],
        working_dir: str = "",
        unless: Callable[[], bool] | None = None,
    ) -> None:
        """Submit a shell command, to be run in the folder of a package if one is named.

        It is broken off where `unless` comes to be so, such as that the head is known to be gone:
        one that has vanished answers nothing.

        Raises:
            JobExistsError: the id is taken.
            HeadUnreachableError: no answer; the job may have been accepted all the same.
            ApiForbiddenError: the API server before the head refuses the account.
            ClusterError: the head refuses.
        """
        body = {
            "entrypoint": entrypoint,
            "submission_id": submission_id,
            "runtime_env": {
                "env_vars": dict(env),
                **({"working_dir": working_dir} if working_dir else {}),
            },
            "metadata": dict(metadata),
        }
        self._request("POST", "/api/jobs/", json=body, timeout_s=SUBMIT_TIMEOUT_S, unless=unless)

    def has_package(self, name: str) -> bool:
        """Whether the head has an archive of this name, and keeps it for now. Raises as `jobs`."""
        answer = self._request("GET", f"/api/packages/gcs/{name}", allow=404)
        return answer.status_code != 404

    def upload_package(
        self, name: str, content: bytes, *, unless: Callable[[], bool] | None = None
    ) -> None:
        """Send an archive, of at most 100 MiB; sending it twice is sending it once.

        Broken off and raises as `submit`.
        """
        path = f"/api/packages/gcs/{name}"
        self._request("PUT", path, content=content, timeout_s=UPLOAD_TIMEOUT_S, unless=unless)

    def stop(self, submission_id: str) -> None:
        """Ask a job to stop; a job that is over or unknown is left as it is. Raises as `jobs`."""
        self._request("POST", f"/api/jobs/{submission_id}/stop", allow=404)

    def logs(self, submission_id: str, *, within_s: float = REQUEST_TIMEOUT_S) -> str:
        """The whole log so far; empty if the head knows no such job.

        Args:
            submission_id: The job.
            within_s: How long the head may be silent.

        Raises as `jobs`.
        """
        path = f"/api/jobs/{submission_id}/logs"
        answer = self._request("GET", path, allow=404, timeout_s=within_s)
        if answer.status_code == 404:
            return ""
        try:
            return str(answer.json()["logs"])
        except (ValueError, KeyError, TypeError) as error:
            raise HeadUnreachableError(f"{self.url} answered {path} with no log") from error

    def tail(self, submission_id: str) -> Iterator[str]:
        """The log in chunks from its start, until the job is over.

        An empty chunk comes after `quiet_s` without a line, or without the stream, so that the
        caller can look whether the head is still there: a frozen one keeps the connection open.

        Raises:
            LogStreamBrokenError: the connection broke, or could not be made.
        """
        from websockets.exceptions import ConnectionClosedOK, WebSocketException

        address = self._head.url.replace("http", "ws", 1)
        with Opening(
            f"{address}/api/jobs/{submission_id}/logs/tail",
            headers=self._head.headers,
            tls=self._head.tls,
            open_within_s=REQUEST_TIMEOUT_S,
        ) as opening:
            try:
                while (stream := opening.wait(self._quiet_s)) is None:
                    yield ""
            except (OSError, WebSocketException) as error:
                raise LogStreamBrokenError(f"no log of {submission_id}: {error}") from error
            while True:
                try:
                    chunk = stream.recv(self._quiet_s)
                except TimeoutError:
                    chunk = b""
                except ConnectionClosedOK:
                    return
                except (OSError, WebSocketException) as error:
                    broke_off = f"the log of {submission_id} broke off: {error}"
                    raise LogStreamBrokenError(broke_off) from error
                yield chunk.decode("utf-8", "replace")

    def __enter__(self) -> "JobsApi":
        import httpx

        # A proxy from the environment is for the internet, not for a head on this network.
        self._http = httpx.Client(
            base_url=self._head.url,
            timeout=REQUEST_TIMEOUT_S,
            trust_env=False,
            # Certificates take 60 ms to load: more than a question to a head on this machine.
            verify=self._head.tls or self._head.url.startswith("https:"),
        )
        return self

    def __exit__(self, *exc: object) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def _request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        allow: int = 200,
        timeout_s: float = REQUEST_TIMEOUT_S,
        unless: Callable[[], bool] | None = None,
    ) -> "httpx.Response":
        import httpx

        if self._http is None:
            raise ClusterError("the connection to the head is closed", hint="use it in `with`.")
        request = self._http.build_request(
            method,
            path,
            json=json,
            content=content,
            headers=self._head.headers,
            timeout=timeout_s,
        )
        try:
            if unless is None:
                answer = self._http.send(request)
            else:
                with cut_off_when(unless, self._connection) as trace:
                    request.extensions["trace"] = trace
                    answer = self._http.send(request)
        except httpx.TransportError as error:
            raise HeadUnreachableError(
                f"the Ray head at {self.url} does not answer: {error!r}"
            ) from error
        self._connection = answer.extensions["network_stream"].get_extra_info("socket")
        text = answer.text.strip() if answer.status_code != 200 else ""
        if answer.status_code != 200 and _is_of_kubernetes(text):
            raise self._not_let_through(answer.status_code, text[-500:])
        if answer.status_code in (200, allow):
            return answer
        if method == "POST" and "already exists" in text:  # HTTP 500 in Ray 2.60
            raise JobExistsError(f"{self.url} has a job of this id already")
        if answer.status_code in (401, 403):
            raise ClusterError(
                f"the Ray head at {self.url} refuses the token: {text[:200]}",
                hint="the head was started by somebody else; run again to start one of your own.",
            )
        said = f"the Ray head at {self.url} answered {method} {path} with {answer.status_code}"
        if answer.status_code >= 500:
            raise HeadUnreachableError(f"{said}: {text[-500:]}")
        raise ClusterError(f"{said}: {text[-500:]}", hint="see the head's dashboard log.")

    def _not_let_through(self, status: int, said: str) -> ClusterError:
        """No word of the head's, but of the API server before it."""
        if status in (401, 403):
            return ApiForbiddenError(
                f"the API server does not let this account through to the Ray head at {self.url}: "
                f"{said}",
                hint="has the account's token expired?"
                if status == 401
                else "the account lacks the right `services/proxy`: the role `ml-platform-outside` "
                "of `deploy/rbac.yaml` has it.",
            )
        return HeadUnreachableError(
            f"the API server does not reach the Ray head at {self.url}: {said}"
        )


def _is_of_kubernetes(text: str) -> bool:
    """Whether an answer is a `Status` of Kubernetes' own."""
    return text.startswith("{") and '"kind":"Status"' in text.replace(" ", "")


def _details(job: Mapping[str, Any]) -> JobDetails:
    return JobDetails(
        submission_id=str(job["submission_id"]),
        status=str(job["status"]),
        message=str(job.get("message") or ""),
        started_ms=int(job.get("start_time") or 0),
        error_type=str(job.get("error_type") or ""),
    )
