"""A server with the classical mistake, for one test: look whether the code is spent, then spend it."""

from typing import Any

from idp.cli import main
from idp.domain.grant import Grant
from idp.storage.sql.grants import SqlGrants

_claim = SqlGrants.claim_code


def _check_then_act(self: Any, grant: Grant) -> bool:
    if self.get(grant.id) is not None:
        return False
    _claim(self, grant)
    return True


if __name__ == "__main__":
    SqlGrants.claim_code = _check_then_act  # type: ignore[method-assign]
    main()
