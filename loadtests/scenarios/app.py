"""An app that talks to an issuer: requests whose answers are looked at."""

from typing import Any

from locust.contrib.fasthttp import FastHttpUser

from loadtests.contestant import Codes

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class App(FastHttpUser):
    """Base of all users. `scenario` is its name in a profile."""

    abstract = True
    scenario = ""
    network_timeout = 15.0
    connection_timeout = 5.0

    def redeem(self, codes: Codes, body: str, name: str, issuer: str = "") -> dict[str, Any] | None:
        """Exchange a code; the tokens, or None after a failure that was counted."""
        return self.tokens_for(body, codes.authorization, name, issuer)

    def tokens_for(self, body: str, authorization: str, name: str, issuer: str = "") -> dict[str, Any] | None:
        """POST to the token endpoint; an ID token must be among the answer."""
        headers = {**FORM, "Authorization": authorization}
        with self.client.post(
            f"{issuer}/token", data=body, headers=headers, name=name, catch_response=True
        ) as answer:
            told = told_by(answer)
            if answer.status_code != 200 or not {"access_token", "id_token"} <= told.keys():
                answer.failure(f"{answer.status_code} {told.get('error', 'no tokens')}")
                return None
            answer.success()
            return told

    def count_failure(self, name: str, words: str) -> None:
        """A failure that no single request shows."""
        self.environment.events.request.fire(
            request_type="", name=name, response_time=0, response_length=0, exception=Stray(words), context={},
        )  # fmt: skip


class Stray(Exception):
    """Somebody did not get where the flow leads."""


def expect(answer: Any, right: bool) -> None:
    """Count an answer as right only with status 200 and what it must contain."""
    if answer.status_code == 200 and right:
        answer.success()
    else:
        answer.failure(f"status {answer.status_code}, or not the expected content")


def told_by(answer: Any) -> dict[str, Any]:
    """The JSON object of an answer; empty where it is none."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
