"""A profile is followed to the letter or refused."""

from pathlib import Path

import pytest

from loadtests import mix
from loadtests.mix import BadProfile, Mix

SHIPPED = Path(mix.__file__).parent / "profiles"
GOOD = """
users = 4
spawn_rate = 2
seconds = 5
[shares]
sign_in = 1
exchange = 3
[per_second]
sign_in = 0.5
[thresholds]
failures = 0
requests_per_second = 1
[thresholds.p99_ms]
"POST /token code" = 250
"""


def read(tmp_path: Path, text: str) -> Mix:
    file = tmp_path / "mix.toml"
    file.write_text(text)
    return Mix.read(file)


def test_a_profile_is_read_whole(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert (found.users, found.spawn_rate, found.seconds) == (4, 2, 5)
    assert found.shares == {"sign_in": 1, "exchange": 3}
    assert found.per_second == {"sign_in": 0.5}
    assert found.thresholds.p99_ms == {"POST /token code": 250}


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.name)
def test_shipped_profiles_can_be_followed(file: Path) -> None:
    assert Mix.read(file).users > 0


@pytest.mark.parametrize(
    ("was", "becomes", "word"),
    [
        ("users = 4", "users = 0", "users"),
        ("users = 4", 'users = "4"', "users"),
        ("users = 4", "users = true", "users"),
        ("seconds = 5", "", "seconds"),
        ("seconds = 5", "secnods = 5", "secnods"),
        ("exchange = 3", "exchagne = 3", "exchagne"),
        ("sign_in = 1\nexchange = 3", "sign_in = 0", "nobody"),
        ("sign_in = 0.5", "sign_in = -1", "sign_in"),
        ("failures = 0", "", "failures"),
        ("[thresholds]", "[threshold]", "unknown: threshold"),
        ("users = 4", "users = = 4", "mix.toml"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_by_name(tmp_path: Path, was: str, becomes: str, word: str) -> None:
    assert was in GOOD
    with pytest.raises(BadProfile, match=word):
        read(tmp_path, GOOD.replace(was, becomes, 1))
