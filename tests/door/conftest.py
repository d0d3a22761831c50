"""One pair of account issuer and door for the tests of a module; they share its clock."""

from collections.abc import Iterator

import pytest

from tests.app import CHILD, MINOR, Person
from tests.veiled import Veiled, running_veiled


@pytest.fixture(scope="module")
def veiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Veiled]:
    """https://id.example and https://door.example."""
    with running_veiled(tmp_path_factory.mktemp("veiled")) as running:
        yield running


@pytest.fixture(scope="module")
def adult(veiled: Veiled) -> Person:
    """Somebody of 35."""
    return veiled.account.person()


@pytest.fixture(scope="module")
def minor(veiled: Veiled) -> Person:
    """Somebody of 15."""
    return veiled.account.person(MINOR)


@pytest.fixture(scope="module")
def child(veiled: Veiled) -> Person:
    """Somebody of 10."""
    return veiled.account.person(CHILD)
