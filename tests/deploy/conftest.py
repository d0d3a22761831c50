"""The stack of `tests/deploy`, started once for each file that asks for it."""

from collections.abc import Iterator

import pytest

from tests.deploy.stack import PROXIES, Stack, running_stack
from tests.need import need


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two nodes on PostgreSQL and Redis. Clients trust the proxies' certificate as long as they run."""
    for program in (*PROXIES, "curl"):
        need(program)
    with pytest.MonkeyPatch.context() as patch, running_stack(tmp_path_factory.mktemp("stack")) as running:
        # httpx and http.client alike trust what this names.
        patch.setenv("SSL_CERT_FILE", str(running.certificates / "certificate.pem"))
        yield running
