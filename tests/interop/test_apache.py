"""Apache with mod_auth_openidc, as a site's operator would set it up, signs a person in at a running issuer."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.issuer import PASSWORD, FormBrowser, Issuer, running_issuer
from tests.need import need
from tests.server_process import ServerProcess, free_port, start_server

MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "auth_openidc")

CONFIGURATION = """
ServerRoot {directory}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {directory}/apache.pid
ErrorLog {directory}/error.log
DocumentRoot {directory}/site
User www-data
Group www-data
{modules}
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI http://127.0.0.1:{port}/signed-in
OIDCCryptoPassphrase a-passphrase-of-this-test-alone
OIDCScope "openid age"
OIDCPKCEMethod S256
OIDCCookieSameSite On
OIDCRemoteUserClaim sub
<Location />
  AuthType openid-connect
  Require valid-user
  Header always set X-Subject "expr=%{{REMOTE_USER}}"
  Header always set X-Band "expr=%{{env:OIDC_CLAIM_age_band}}"
</Location>
"""


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    need("apache2")
    if not (MODULES / "mod_auth_openidc.so").exists():
        need("mod_auth_openidc")
    with running_issuer(tmp_path_factory.mktemp("issuer") / "data") as running:
        yield running


def _start(issuer: Issuer, directory: Path) -> ServerProcess:
    """Apache on a free port, registered at the issuer."""
    port = free_port()
    app = issuer.register(f"http://127.0.0.1:{port}/signed-in", name="Apache")
    (directory / "site").mkdir()
    (directory / "site" / "index.html").write_text("the members' page")
    for path in (directory, directory / "site", *directory.parents):
        if path.owner() == "root" and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o755)
    modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED)
    configuration = directory / "apache.conf"
    configuration.write_text(
        CONFIGURATION.format(directory=directory, port=port, issuer=issuer.url, modules=modules, **app)
    )

    def command(_: int) -> Sequence[str | Path]:
        return [need("apache2"), "-f", configuration, "-D", "FOREGROUND"]

    def ready(_: int) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/", timeout=2).status_code == 302
        except httpx.HTTPError:
            return False

    server = start_server(command, ready, directory / "apache.log")
    server.port = port
    return server


def test_apache_signs_a_person_in_and_receives_the_pairwise_subject(issuer: Issuer, tmp_path: Path) -> None:
    person = issuer.person("grown-up", "1990-05-17")
    server = _start(issuer, tmp_path)
    try:
        with FormBrowser(issuer.url) as browser:
            start = browser.client.get(f"http://127.0.0.1:{server.port}/index.html")
            page = browser.get(start.headers["location"])
            page = browser.post(page, {"username": person, "password": PASSWORD})
            page = browser.post(page, {"decision": "allow"})
            back = browser.client.get(page.headers["location"])
            assert back.status_code == 302, back.text
            members = browser.client.get(back.headers["location"])
    finally:
        server.stop()
    assert members.status_code == 200 and "members' page" in members.text
    subject = members.headers["x-subject"].partition("@")[0]
    assert len(subject) == 43
    assert members.headers["x-band"] == "adult"
    told = issuer.run("audit", "show", "--username", person, "--json")
    assert json.dumps(told).count("consent.given") == 1
