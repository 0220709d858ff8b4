"""The Jobs API of a head, as the operator asks it: two seconds of patience and no second try."""

import json
import urllib.error
import urllib.request
from typing import Final

from tests.support.kuberay.job_steps import JobInfo

TIMEOUT_S: Final = 2.0


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
        request = urllib.request.Request(self._base + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except (OSError, ValueError) as error:
            raise DashboardError(str(error)) from error
