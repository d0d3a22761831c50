"""What an app learns, one line each, for people: the same list on the consent page and on the account page."""

from dataclasses import dataclass

from idp.domain.client import Client
from idp.domain.policy import Policy
from idp.domain.scope import (
    AGE,
    AGE_ASSURANCE,
    AGE_BAND,
    AGE_OVER_PREFIX,
    AGE_THRESHOLDS,
    AGE_TOKENS,
    OFFLINE_ACCESS,
)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One line: `kind` names its sentence in the templates, `ages` are the years it speaks of."""

    kind: str
    ages: tuple[int, ...] = ()


def disclosures(
    policy: Policy, client: Client, scope: frozenset[str], claims: frozenset[str]
) -> tuple[Disclosure, ...]:
    """Everything these scopes and claims tell an app, the pseudonym first; the wallet gets none."""
    over = {f"{AGE_OVER_PREFIX}{age}": age for age in client.thresholds}
    named = tuple(sorted(age for claim, age in over.items() if claim in claims))
    asks_age = AGE in scope or bool(claims)
    lines = [] if scope == {AGE_TOKENS} else [Disclosure("pseudonym")]
    if AGE in scope or AGE_BAND in claims:
        lines.append(Disclosure("band"))
    lines += [Disclosure("over", (age,)) for age in named]
    if AGE_THRESHOLDS in claims:
        lines.append(Disclosure("thresholds", tuple(sorted(client.thresholds))))
    if AGE_ASSURANCE in claims:
        lines.append(Disclosure("assurance"))
    if asks_age and client.category in policy.minor_mode.categories:
        lines.append(Disclosure("until"))
    if OFFLINE_ACCESS in scope:
        lines.append(Disclosure("offline"))
    if AGE_TOKENS in scope:
        lines.append(Disclosure("tokens"))
    return tuple(lines)
