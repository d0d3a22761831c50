"""Apps at the machine endpoints alone: they exchange, refresh, read."""

from locust.exception import StopUser
from locust.user.task import task

from loadtests.scenarios.app import FORM, App, expect, told_by
from loadtests.scenarios.supplies import Supplies, take


class AppExchanging(App):
    """An app redeems codes that were minted beforehand: the token endpoint alone."""

    scenario = "exchange"

    @task
    def exchange(self) -> None:
        """One code, once; without codes left this user is done."""
        self.redeem(Supplies.prepared.exchange, take(Supplies.codes), "POST /token code")


class _AppWithTokens(App):
    abstract = True

    def on_start(self) -> None:
        """Its own person's tokens, from a code that was minted beforehand."""
        tokens = self.redeem(Supplies.prepared.refresh, take(Supplies.refresh_codes), "POST /token code")
        if tokens is None:
            raise StopUser
        self.tokens = tokens

    def refresh_tokens(self) -> None:
        """New tokens for old."""
        body = f"grant_type=refresh_token&refresh_token={self.tokens['refresh_token']}"
        tokens = self.tokens_for(body, Supplies.prepared.refresh.authorization, "POST /token refresh")
        if tokens is not None:
            self.tokens = tokens


class AppRefreshing(_AppWithTokens):
    """An app that keeps its tokens fresh."""

    scenario = "refresh"

    @task
    def refresh(self) -> None:
        """RFC 6749, section 6."""
        self.refresh_tokens()


class AppReading(_AppWithTokens):
    """An app that asks who it is talking to, and whether a token still holds."""

    scenario = "read"
    _LIFE = 100
    """Requests after which the token is renewed: it lives five minutes."""

    _used = 0

    @task(3)
    def userinfo(self) -> None:
        """OpenID Connect Core, section 5.3."""
        self._renew()
        bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        with self.client.get("/userinfo", headers=bearer, catch_response=True, name="GET /userinfo") as answer:
            expect(answer, "age_band" in told_by(answer))

    @task(1)
    def introspect(self) -> None:
        """RFC 7662."""
        self._renew()
        headers = {**FORM, "Authorization": Supplies.prepared.refresh.authorization}
        body = f"token={self.tokens['access_token']}"
        with self.client.post(
            "/introspect", data=body, headers=headers, catch_response=True, name="POST /introspect"
        ) as answer:
            expect(answer, told_by(answer).get("active") is True)

    def _renew(self) -> None:
        self._used += 1
        if self._used % self._LIFE == 0:
            self.refresh_tokens()
