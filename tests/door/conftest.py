"""A pair of account issuer and door, https://id.example and https://door.example; both share a clock."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app import CHILD, MINOR, Person
from tests.veiled import Veiled, running_veiled


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a pair whose keys are made: eight RSA keys take seconds, a copy of their files does not."""
    directory = tmp_path_factory.mktemp("template")
    with running_veiled(directory):
        return directory


@pytest.fixture(scope="module")
def veiled(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Veiled]:
    """One pair for the tests of a module."""
    directory = tmp_path_factory.mktemp("veiled")
    shutil.copytree(template, directory, dirs_exist_ok=True)
    with running_veiled(directory) as running:
        yield running


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Iterator[Veiled]:
    """A pair for one test alone, which may harm it."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    with running_veiled(tmp_path) as running:
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
