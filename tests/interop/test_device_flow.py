"""The device flow of npm openid-client, unmodified, against a running issuer (RFC 8628)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from idp.domain.device_grant import GRANT_TYPE
from tests.interop.conversation import Conversation
from tests.issuer import PASSWORD, FormBrowser, Issuer, running_issuer
from tests.need import need


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    need("node")
    with running_issuer(tmp_path_factory.mktemp("issuer") / "data") as running:
        yield running


class Television:
    """An app on devices, registered with these options; `start` runs the Node script that polls for it."""

    def __init__(self, issuer: Issuer, name: str, *options: str) -> None:
        registered = issuer.run("client", "register", "--name", name, "--grant", "device_code", *options, "--json")
        self.issuer, self.client_id = issuer, registered["client_id"]
        self._secret = registered["client_secret"] or ""
        self.polls: list[str] = []

    def start(self, bound: bool = False) -> None:
        """Ask for codes, and poll from now on."""
        arguments = (self.issuer.url, self.client_id, self._secret, "dpop" if bound else "")
        self._talk = Conversation("device_flow.mjs", *arguments)
        self.device: dict[str, Any] = self._talk.hear()["device"]
        assert (self.device["interval"], self.device["expires_in"]) == (5, 600)

    def answered(self, username: str, decision: str) -> None:
        """The person opens the address with the code, signs in and answers."""
        with FormBrowser(self.issuer.url) as browser:
            page = browser.get(self.device["verification_uri_complete"])
            page = browser.post(page, {"username": username, "password": PASSWORD})
            assert self.device["user_code"] in page.text
            page = browser.post(page, {"decision": decision})
            assert page.status_code == 200 and "/device?done=" in str(page.url)

    def hurried(self) -> None:
        """A second device with the same code polls twice at once: the script's next poll comes too soon."""
        form = {"grant_type": GRANT_TYPE, "device_code": self.device["device_code"], "client_id": self.client_id}
        errors = [httpx.post(f"{self.issuer.url}/token", data=form).json()["error"] for _ in range(2)]
        assert errors[-1] == "slow_down"
        while "slow_down" not in self.polls:
            self.polls.append(self._talk.hear()["poll"])

    def outcome(self) -> dict[str, Any]:
        """What the script saw in the end; what its polls met is in `polls`."""
        seen = self._talk.hear()
        while "poll" in seen:
            self.polls.append(seen["poll"])
            seen = self._talk.hear()
        self._talk.finish()
        assert isinstance(seen, dict)
        return seen


@pytest.mark.timeout(240)
def test_openid_client_polls_slows_down_and_gets_tokens_or_a_refusal(issuer: Issuer) -> None:
    """rows 94 to 97 and 101: three devices at the same time, since each has to wait."""
    person = issuer.person("viewer", "2010-05-17")
    hurried = Television(issuer, "Hurried TV", "--auth-method", "none")
    plain, refused = Television(issuer, "Plain TV"), Television(issuer, "Refused TV")
    plain.start()
    refused.start()
    hurried.start(bound=True)
    hurried.hurried()
    plain.answered(person, "allow")
    refused.answered(person, "deny")
    hurried.answered(person, "allow")
    granted, slowed = plain.outcome(), hurried.outcome()
    assert refused.outcome() == {"refused": "access_denied"} and refused.polls[-1] == "access_denied"
    assert granted["claims"]["age_band"] == "minor" and granted["tokenType"] == "bearer"
    assert granted["userinfo"] == {"sub": granted["claims"]["sub"], "age_band": "minor"}
    assert plain.polls[-1] == "tokens" and set(plain.polls[:-1]) <= {"authorization_pending"}
    # The nonce for DPoP costs one answer more, at once and not at the next poll.
    assert hurried.polls[-2:] == ["use_dpop_nonce", "tokens"]
    assert slowed["tokenType"] == "dpop" and slowed["userinfo"]["age_band"] == "minor"
    assert slowed["claims"]["sub"] != granted["claims"]["sub"], "two apps, two pseudonyms"
