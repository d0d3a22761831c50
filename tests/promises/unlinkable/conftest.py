"""A pair of halves whose keys are made, for each module."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.veiled import Veiled, running_veiled


@pytest.fixture(scope="session")
def pair_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a pair that has served nobody: eight RSA keys take seconds, a copy of their files does not."""
    directory = tmp_path_factory.mktemp("template")
    with running_veiled(directory):
        return directory


@pytest.fixture
def veiled(pair_template: Path, tmp_path: Path) -> Iterator[Veiled]:
    """A pair for one test alone."""
    shutil.copytree(pair_template, tmp_path, dirs_exist_ok=True)
    with running_veiled(tmp_path) as running:
        yield running
