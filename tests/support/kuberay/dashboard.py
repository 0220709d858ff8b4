"""The Jobs API of a head, as the operator asks it: two seconds of patience and no second try.

Connections are kept, as the operator keeps them: a head goes on answering while the service that
led to it is being made again.
"""

import json
from typing import Final

import urllib3

from tests.support.kuberay.job_steps import JobInfo

TIMEOUT_S: Final = 2.0
CONNECTIONS: Final = urllib3.PoolManager(num_pools=64, retries=False)


class DashboardError(Exception):
    """No usable answer."""


class Dashboard:
    """The dashboard of one cluster; without a token where authentication is off."""

    def __init__(self, address: str, token: str | None) -> None:
        self._base = f"http://{address}"
        self._token = token

    def job(self, job_id: str) -> JobInfo | None:
        """What is known of a job; None if the head does not know it.

        Any other answer counts if it is JSON, whatever its code: so does the operator.

        Raises:
            DashboardError: no answer, or one that is not JSON.
        """
        code, text = self._request("GET", f"/api/jobs/{job_id}")
        if code == 404:
            return None
        try:
            told = json.loads(text)
            return JobInfo(
                status=told.get("status") or "",
                message=told.get("message") or "",
                start_ms=int(told.get("start_time") or 0),
                end_ms=int(told.get("end_time") or 0),
            )
        except (ValueError, AttributeError, TypeError) as error:
            raise DashboardError(f"{code} {text[:200]}") from error

    def stop(self, job_id: str) -> None:
        """Ask for the end of a job; whether it ends is not waited for.

        Raises:
            DashboardError: no answer.
        """
        self._request("POST", f"/api/jobs/{job_id}/stop")

    def _request(self, method: str, path: str) -> tuple[int, str]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["x-ray-authorization"] = f"Bearer {self._token}"
        try:
            answer = CONNECTIONS.request(
                method, self._base + path, headers=headers, timeout=TIMEOUT_S
            )
        except urllib3.exceptions.HTTPError as error:
            raise DashboardError(str(error)) from error
        return answer.status, answer.data.decode(errors="replace")
