"""No column of either side could hold the other's identity: a closed list, and a new column fails until it is placed.

The account side may know accounts and the apps of direct sign-in, the door apps, requests and spent tokens. The lists
say of each column what may be written there; `ONLY` says which kinds exist on one side alone. Columns with room for
anything are few, and are named with everything that the program puts into them.
"""

from enum import StrEnum

import pytest
from sqlalchemy import LargeBinary, MetaData, SmallInteger, Text
from sqlalchemy.types import TypeEngine

from idp.protocol.authorization_code import open_code
from idp.storage.sql import tables as account
from idp.storage.sql.door import tables as door
from idp.storage.sql.tables import Number
from tests.veiled import Veiled


class Kind(StrEnum):
    """What a column may hold."""

    ROW = "an id drawn at random here, for this row"
    TIME = "epoch seconds"
    COUNT = "a number that counts"
    FLAG = "yes or no"
    WORD = "one word of a closed list"
    OWN_KEY = "a key of this side, sealed or as a digest, or what it signed"
    PUBLIC = "what is published for everybody, word for word"
    DIGEST = "a digest of what this side alone was given"
    ACCOUNT = "an account, or what only an account has"
    PERSON = "content about an account, sealed under its key"
    STAFF = "a member of staff, or content about one"
    CLIENT = "an app registered at this side"
    TOKEN = "the digest of a spent token"
    REQUEST = "the digest of an app's request, or the answer to it"
    CONTENT = "a record with several fields: see CONTENTS"


ONLY = {
    "account": {Kind.ACCOUNT, Kind.PERSON, Kind.STAFF},
    "door": {Kind.TOKEN, Kind.REQUEST},
}
"""Kinds that exist on one side and must not come to stand on the other."""

FITS: dict[Kind, tuple[type[TypeEngine[object]], ...]] = {
    Kind.TIME: (type(Number),), Kind.COUNT: (type(Number),), Kind.FLAG: (SmallInteger,), Kind.WORD: (Text,),
    Kind.ROW: (LargeBinary, type(Number)), Kind.TOKEN: (LargeBinary,), Kind.REQUEST: (LargeBinary,),
    Kind.ACCOUNT: (LargeBinary,), Kind.PERSON: (LargeBinary,), Kind.STAFF: (LargeBinary,),
    Kind.DIGEST: (LargeBinary,), Kind.CLIENT: (Text,),
    Kind.OWN_KEY: (LargeBinary, Text), Kind.PUBLIC: (LargeBinary, Text, type(Number)),
    Kind.CONTENT: (LargeBinary, Text),
}  # fmt: skip
"""The types a kind can have: nothing but a number can hide in a number."""

_ROW, _TIME, _COUNT, _FLAG, _WORD = Kind.ROW, Kind.TIME, Kind.COUNT, Kind.FLAG, Kind.WORD
_KEY, _PUBLIC, _DIGEST, _ACCOUNT, _PERSON = Kind.OWN_KEY, Kind.PUBLIC, Kind.DIGEST, Kind.ACCOUNT, Kind.PERSON
_CLIENT, _TOKEN, _REQUEST, _CONTENT, _STAFF = Kind.CLIENT, Kind.TOKEN, Kind.REQUEST, Kind.CONTENT, Kind.STAFF

Columns = dict[str, dict[str, Kind]]

SHARED: Columns = {
    "clients": {"id": _CLIENT, "state": _WORD, "sector": _CLIENT, "version": _COUNT, "created_at": _TIME,
                "secret_hash": _DIGEST, "registration_token_hash": _DIGEST, "document": _CONTENT},
    "spent": {"digest": _DIGEST, "expires_at": _TIME},
    "attempts": {"key": _DIGEST, "window_start": _TIME, "tries": _COUNT, "expires_at": _TIME},
    "audit_pending": {"number": _COUNT, "event_id": _ROW},
    "audit_leaves": {"position": _COUNT, "event_id": _ROW, "hash": _DIGEST},
    "audit_frontier": {"id": _COUNT, "state": _DIGEST},
    "audit_heads": {"size": _COUNT, "root": _DIGEST, "at": _TIME, "signature": _KEY},
    "signing_keys": {"kid": _KEY, "alg": _WORD, "sealed": _KEY, "state": _WORD, "created_at": _TIME,
                     "activated_at": _TIME, "retiring_at": _TIME, "retired_at": _TIME},
    "token_log": {"position": _COUNT, "leaf": _PUBLIC},
    "token_log_notes": {"size": _COUNT, "note": _PUBLIC},
    "wrapped_keys": {"name": _WORD, "wrapped": _KEY},
    "meta": {"name": _WORD, "value": _CONTENT},
}  # fmt: skip

ACCOUNT: Columns = {
    **SHARED,
    "accounts": {"id": _ACCOUNT, "username_index": _ACCOUNT, "state": _WORD, "tester": _FLAG, "created_at": _TIME,
                 "profile": _PERSON, "password": _PERSON, "age": _PERSON, "dedup": _PERSON, "links": _PERSON},
    "account_keys": {"account_id": _ACCOUNT, "wrapped": _KEY},
    "dedup_indexes": {"digest": _DIGEST},
    "sessions": {"id": _DIGEST, "account_id": _ACCOUNT, "auth_time": _TIME, "created_at": _TIME, "expires_at": _TIME,
                 "amr": _WORD, "sid_seed": _ROW, "revoked_at": _TIME},
    "recovery_codes": {"digest": _DIGEST, "account_id": _ACCOUNT, "expires_at": _TIME},
    "passkeys": {"id": _DIGEST, "account_id": _ACCOUNT, "sealed": _PERSON, "sign_count": _COUNT, "created_at": _TIME},
    "staff": {"id": _STAFF, "name_index": _STAFF, "roles": _WORD, "name": _STAFF, "password": _STAFF, "totp": _STAFF,
              "totp_step": _COUNT, "enrol_until": _TIME, "created_at": _TIME},
    "staff_sessions": {"id": _DIGEST, "staff_id": _STAFF, "factor": _WORD, "created_at": _TIME, "seen_at": _TIME,
                       "expires_at": _TIME},
    "staff_passkeys": {"id": _DIGEST, "staff_id": _STAFF, "sealed": _STAFF, "sign_count": _COUNT, "created_at": _TIME},
    "consents": {"id": _ROW, "account_id": _ACCOUNT, "client_id": _CLIENT, "scope": _WORD, "claims": _WORD,
                 "manifest_version": _COUNT, "giver": _WORD, "created_at": _TIME, "withdrawn_at": _TIME},
    "grants": {"id": _ROW, "account_id": _ACCOUNT, "client_id": _CLIENT, "session_id": _DIGEST, "consent_id": _ROW,
               "offline": _FLAG, "sealed": _CONTENT, "created_at": _TIME, "expires_at": _TIME, "generation": _COUNT,
               "rotated_at": _TIME, "revoked_at": _TIME},
    "device_grants": {"id": _ROW, "device_code": _DIGEST, "user_code": _DIGEST, "client_id": _CLIENT,
                      "parameters": _CONTENT, "network": _DIGEST, "state": _WORD, "account_id": _ACCOUNT,
                      "sealed": _CONTENT, "created_at": _TIME, "expires_at": _TIME, "poll_interval": _COUNT,
                      "next_poll_at": _TIME, "hurried": _FLAG},
    "audit_events": {"id": _ROW, "at": _TIME, "kind": _WORD, "account_id": _ACCOUNT, "client_id": _CLIENT,
                     "subject": _CONTENT, "details": _CONTENT, "mac": _DIGEST},
    "token_keys": {"key_id": _PUBLIC, "band": _WORD, "epoch": _COUNT, "role": _WORD, "spki": _PUBLIC, "sealed": _KEY,
                   "not_before": _TIME, "revoked_at": _TIME},
    "token_allowance": {"account_id": _ACCOUNT, "epoch": _COUNT, "used": _COUNT},
    "outbox": {"id": _ROW, "kind": _WORD, "client_id": _CLIENT, "payload": _CONTENT, "due_at": _TIME, "tries": _COUNT},
    "app_use": {"id": _DIGEST, "client_id": _CLIENT, "day": _TIME, "kind": _WORD, "count": _COUNT, "expires_at": _TIME},
    "schema_level": {"id": _COUNT, "level": _COUNT, "floor": _COUNT},
}  # fmt: skip

DOOR: Columns = {
    **SHARED,
    "door_grants": {"id": _ROW, "client_id": _CLIENT, "sealed": _CONTENT, "created_at": _TIME, "expires_at": _TIME,
                    "revoked_at": _TIME},
    "spent_tokens": {"digest": _TOKEN, "expires_at": _TIME},
    "answered_requests": {"request": _REQUEST, "token": _TOKEN, "sealed": _REQUEST, "expires_at": _TIME},
    "audit_events": {"id": _ROW, "at": _TIME, "kind": _WORD, "client_id": _CLIENT, "subject": _CONTENT,
                     "details": _CONTENT, "mac": _DIGEST},
    "door_schema_level": {"id": _COUNT, "level": _COUNT, "floor": _COUNT},
}  # fmt: skip

CONTENTS = {
    "account": {
        "clients.document": "metadata of an app that was registered here for direct sign-in, and the wallet's",
        "meta.value": "the issuer's own address",
        "grants.sealed": "pairwise subject, claims asked for, scope, times, session number, level, key, resource",
        "device_grants.parameters": "what a device asked for",
        "device_grants.sealed": "who agreed to what, until the device has fetched it",
        "audit_events.subject": "what was touched: an id of this database, a client, a key; or who of the staff",
        "audit_events.details": "words of a closed list, case numbers, names of staff; sealed",
        "outbox.payload": "a message to an app of direct sign-in",
    },
    "door": {
        "clients.document": "metadata of an app that was registered here",
        "meta.value": "the door's own address",
        "door_grants.sealed": "pseudonym, band, claims asked for, scope, times, level, key, resource",
        "audit_events.subject": "the row that was touched: a client or a key",
        "audit_events.details": "words of a closed list",
    },
}
"""What the program writes where there is room. test_strings.py looks at it after a journey, unsealed."""

SIDES = {"account": (account.metadata, ACCOUNT), "door": (door.metadata, DOOR)}


def unplaced(schema: MetaData, placed: Columns) -> set[str]:
    """Columns that are in the schema or on the list, but not in both."""
    there = {f"{table.name}.{column.name}" for table in schema.tables.values() for column in table.columns}
    return there ^ {f"{table}.{column}" for table, columns in placed.items() for column in columns}


@pytest.mark.parametrize("side", SIDES)
def test_every_column_is_placed_and_no_other(side: str) -> None:
    assert unplaced(*SIDES[side]) == set()


@pytest.mark.parametrize("side", SIDES)
def test_no_column_is_of_a_kind_that_only_the_other_side_has(side: str) -> None:
    other = next(kinds for name, kinds in ONLY.items() if name != side)
    kinds = {kind for columns in SIDES[side][1].values() for kind in columns.values()}
    assert not kinds & other
    assert kinds >= ONLY[side]


@pytest.mark.parametrize("side", SIDES)
def test_a_column_has_the_type_of_its_kind(side: str) -> None:
    schema, placed = SIDES[side]
    for table, columns in placed.items():
        for name, kind in columns.items():
            assert isinstance(schema.tables[table].c[name].type, FITS[kind]), f"{table}.{name}"


@pytest.mark.parametrize("side", SIDES)
def test_columns_with_room_are_the_named_ones(side: str) -> None:
    kinds = {f"{table}.{name}": kind for table, columns in SIDES[side][1].items() for name, kind in columns.items()}
    roomy = {name for name, kind in kinds.items() if kind is _CONTENT}
    assert roomy == set(CONTENTS[side])


@pytest.mark.parametrize(
    ("side", "table", "column", "kind"),
    [("account", "token_allowance", "token", _TOKEN), ("account", "grants", "door_request", _REQUEST),
     ("door", "door_grants", "account_id", _ACCOUNT), ("door", "spent_tokens", "person", _PERSON)],
)  # fmt: skip
def test_a_column_more_is_noticed_and_cannot_be_placed(side: str, table: str, column: str, kind: Kind) -> None:
    schema, placed = SIDES[side]
    more = MetaData()
    for each in schema.tables.values():
        each.to_metadata(more)
    more.tables[table].append_column(account._bytes(column))
    assert unplaced(more, placed) == {f"{table}.{column}"}
    assert kind in next(kinds for name, kinds in ONLY.items() if name != side)


def test_door_writes_nobody_where_a_code_names_a_person(veiled: Veiled) -> None:
    """Codes and grants are the same classes on both sides: what is a person's there is empty here."""
    wallet = veiled.wallet(veiled.account.person(), 1)
    code = open_code(veiled.door.provider, wallet.code(veiled.app()))
    assert (code.account_id, code.consent_id, code.session_id, code.sid) == (bytes(16), bytes(16), bytes(32), None)
    assert code.subject and code.band == "adult"
