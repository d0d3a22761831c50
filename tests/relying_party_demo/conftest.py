"""The demo app in this process, signed up at a fake issuer."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crypto.jwk import SigningKey
from relying_party_demo.application import create_application
from relying_party_demo.configuration import Configuration, read_configuration
from tests.relying_party_demo.fake_issuer import CLIENT_ID, CLIENT_SECRET, FakeIssuer, running_issuer


@pytest.fixture(scope="session")
def issuer_key() -> SigningKey:
    """RSA takes a while to make; one is enough."""
    return SigningKey.generate("RS256")


@pytest.fixture
def issuer(issuer_key: SigningKey) -> Iterator[FakeIssuer]:
    """An honest issuer, until the test says otherwise."""
    with running_issuer(issuer_key) as running:
        yield running


@pytest.fixture
def configuration(issuer: FakeIssuer) -> Configuration:
    """What the app is told."""
    environ = {"DEMO_ISSUER": issuer.url, "DEMO_CLIENT_ID": CLIENT_ID, "DEMO_CLIENT_SECRET": CLIENT_SECRET}
    return read_configuration(environ, 9002)


@pytest.fixture
def app(configuration: Configuration) -> Flask:
    """The app."""
    return create_application(configuration)


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    """A browser with cookies of its own, speaking English."""
    browser = app.test_client()
    browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return browser
