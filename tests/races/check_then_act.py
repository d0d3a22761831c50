"""A server with the classical mistake, for one test: look whether the code is spent, then spend it."""

from collections.abc import Sequence
from typing import Any

from idp.cli import main
from idp.domain.grant import Claim
from idp.storage.sql.grants import SqlGrants


def _check_then_act(self: Any, claims: Sequence[Claim]) -> list[bool]:
    unspent = [self.get(claim.grant.id) is None for claim in claims]
    for claim in claims:
        self.claim_code(claim.grant)
    return unspent


if __name__ == "__main__":
    SqlGrants.claim_codes = _check_then_act  # type: ignore[method-assign]
    main()
