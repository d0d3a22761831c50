"""The provider: a realm and what the wire protocol needs besides, put together once by composition."""

from dataclasses import dataclass, field

from crypto.dpop import ServerNonces
from crypto.sealing import Sealer
from idp.domain.app_use import AppUse
from idp.domain.ports import Fetcher
from idp.protocol.client_key_sets import ClientKeySets
from idp.protocol.key_set import KeySet
from idp.protocol.lifetimes import Lifetimes
from idp.protocol.vouchers import AccountVouchers, Vouchers
from idp.services.realm import Realm


@dataclass(frozen=True, slots=True)
class Provider:
    """One OpenID provider. Sealers are named for what they seal (labels of the master ring).

    `fetcher` is the one way out to addresses that apps gave us; `require_par` whether every app must push its
    authorization requests (RFC 9126, section 5); `app_use` counts what apps ask for.
    """

    realm: Realm
    keys: KeySet
    fetcher: Fetcher
    client_keys: ClientKeySets
    codes: Sealer
    access_tokens: Sealer
    cookies: Sealer
    dpop_nonces: ServerNonces
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    vouchers: Vouchers = field(default_factory=AccountVouchers)
    require_par: bool = False
    app_use: AppUse = field(default_factory=AppUse)

    @property
    def issuer(self) -> str:
        """The exact `iss` of everything this provider says."""
        return self.realm.issuer

    def now(self) -> int:
        """Epoch seconds."""
        return self.realm.clock.now()
