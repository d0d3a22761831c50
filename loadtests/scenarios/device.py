"""A device without a keyboard and the person who has it in front of them (RFC 8628)."""

import secrets
from urllib.parse import urlencode, urlsplit

import gevent
from locust.user.task import task

from loadtests.scenarios.app import FORM, Stray, told_by
from loadtests.scenarios.person import Visitor
from loadtests.scenarios.supplies import Supplies

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class DevicePolling(Visitor):
    """A device asks for codes and polls; a person, who stays signed in, allows it; the device gets its tokens.

    Every other device cannot wait, is told to slow down, and counts as failed if it is not.
    """

    scenario = "device"
    _hasty = False

    @task
    def connect(self) -> None:
        """From the device's request to its tokens."""
        self._hasty = not self._hasty
        asked = self._ask()
        if asked is None:
            return
        poll = urlencode({"grant_type": _GRANT, "device_code": str(asked["device_code"])})
        self._poll(poll, "authorization_pending")
        if not self._hasty:
            gevent.sleep(float(str(asked.get("interval", 5))))
        self._poll(poll, "slow_down" if self._hasty else "authorization_pending")
        people = Supplies.prepared.people
        try:
            parts = urlsplit(str(asked["verification_uri_complete"]))
            end = self.walk(f"{parts.path}?{parts.query}", people[secrets.randbelow(len(people))], self._done())
        except Stray as stray:
            self.count_failure("device lost its way", str(stray))
            return
        if not end.endswith("allowed"):
            self.count_failure("device lost its way", end)
            return
        self.tokens_for(poll, Supplies.prepared.device.authorization, "POST /token device")

    def _done(self) -> str:
        return f"{self.host}/device?done="

    def _ask(self) -> dict[str, object] | None:
        headers = {**FORM, "Authorization": Supplies.prepared.device.authorization}
        body = urlencode({"scope": "openid age", "blindage_device_type": "television"})
        with self.client.post(
            "/device_authorization", data=body, headers=headers, catch_response=True, name="POST /device_authorization"
        ) as answer:
            told = told_by(answer)
            if answer.status_code != 200 or not {"device_code", "verification_uri_complete"} <= told.keys():
                answer.failure(f"{answer.status_code} {told.get('error', 'no codes')}")
                return None
            answer.success()
            return told

    def _poll(self, body: str, expected: str) -> None:
        headers = {**FORM, "Authorization": Supplies.prepared.device.authorization}
        with self.client.post(
            "/token", data=body, headers=headers, catch_response=True, name=f"POST /token {expected}"
        ) as answer:
            told = told_by(answer)
            if answer.status_code == 400 and told.get("error") == expected:
                answer.success()
            else:
                answer.failure(f"{answer.status_code} {told.get('error', '')} instead of {expected}")
