"""How many age tokens an account may have is the operator's to say, within bounds; 60 where nothing is said."""

from pathlib import Path

import pytest

from idp.domain.age_token import QUOTA
from idp.domain.errors import Refused
from idp.services.token_allowance import charge_allowance
from idp.settings import SettingsError, read_settings
from tests.app import running_app


@pytest.mark.parametrize(("settings", "quota"), [({}, QUOTA), ({"token_quota": 100}, 100)])
def test_quota_is_given_out_to_the_last_token(tmp_path: Path, settings: dict[str, int], quota: int) -> None:
    with running_app(tmp_path, **settings) as app:
        account = app.person().account.id
        charge_allowance(app.provider.realm, account, b"first", quota - 1)
        charge_allowance(app.provider.realm, account, b"second", 1)
        # The same again is answered again, without a charge.
        charge_allowance(app.provider.realm, account, b"second", 1)
        with pytest.raises(Refused, match="given out"):
            charge_allowance(app.provider.realm, account, b"third", 1)


@pytest.mark.parametrize("number", ["31", "1000001", "0", "-60", "6e1", "sixty", "9" * 40, "٦٠"])
def test_quota_that_is_no_such_number_stops_the_start(number: str) -> None:
    with pytest.raises(SettingsError, match="BLINDAGE_TOKEN_QUOTA"):
        read_settings({"BLINDAGE_TOKEN_QUOTA": number}, "https://id.example")


@pytest.mark.parametrize("number", ["32", "100", "1000000"])
def test_quota_is_read(number: str) -> None:
    assert read_settings({"BLINDAGE_TOKEN_QUOTA": number}, "https://id.example").token_quota == int(number)
