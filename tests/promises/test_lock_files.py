"""The lock files pin everything a supported machine installs, by hash, and name no package index."""

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.need import INTEROP, ROOT

RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+?))? \\\n(?P<hashes>(?:    .+\n)+)"
)
HASHES = re.compile(r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+")
ENVIRONMENTS = [
    {
        "python_version": full.rpartition(".")[0], "python_full_version": full, "os_name": "posix",
        "sys_platform": platform, "platform_system": system, "platform_machine": machine,
        "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": "",
    }
    for full in ("3.11.2", "3.11.7", "3.12.3", "3.13.5", "3.14.0")
    for platform, system, machine in (
        ("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64")
    )
]


def label(environment: dict[str, str]) -> str:
    return f"{environment['python_full_version']}-{environment['platform_machine']}"


def pins(file_name: str) -> dict[str, re.Match[str]]:
    return {pin["name"]: pin for pin in PIN.finditer((ROOT / file_name).read_text())}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("file_name", [RUNTIME, DEVELOPMENT])
def test_lock_file_is_pins_with_hashes_and_nothing_else(file_name: str) -> None:
    rest = PIN.sub("", (ROOT / file_name).read_text())
    assert rest == ""
    assert len(pins(file_name)) > 20
    for pin in pins(file_name).values():
        assert HASHES.fullmatch(pin["hashes"]), pin["name"]


def test_development_lock_pins_the_same_runtime_versions() -> None:
    development = pins(DEVELOPMENT)
    for name, pin in pins(RUNTIME).items():
        # The markers may differ in what they say of PyPy and Windows, where the tests' tools need more.
        assert pin.group("version", "hashes") == development[name].group("version", "hashes")


def test_pins_satisfy_what_the_project_declares() -> None:
    pinned = pins(DEVELOPMENT)
    for requirement in declared():
        version = Version(pinned[canonicalize_name(requirement.name)]["version"])
        assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=label)
def test_lock_is_complete_on_every_supported_machine(environment: dict[str, str]) -> None:
    pinned = pins(DEVELOPMENT)
    locked = {name for name, pin in pinned.items() if applies(pin["marker"], environment)}
    for name in locked:
        try:
            needs = requires(name) or []
        except PackageNotFoundError:
            # Pinned for other machines than this one: what it needs cannot be asked here.
            continue
        for requirement in map(Requirement, needs):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                assert canonicalize_name(requirement.name) in locked, f"{name} needs {requirement}"


def applies(marker: str | None, environment: dict[str, str]) -> bool:
    return marker is None or Marker(marker).evaluate(environment)


def test_node_lock_has_digests_and_names_no_registry() -> None:
    lock = json.loads((INTEROP / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert {"node_modules/openid-client", "node_modules/@cloudflare/privacypass-ts"} <= packages.keys()
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert package["integrity"].startswith("sha512-"), name
