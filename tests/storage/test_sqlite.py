"""What holds on SQLite alone: pragmas, the lock file, bad disks, what is left on disk, copies."""

import json
import os
import secrets
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from sqlalchemy import text

from crypto.keyring import KeyRing
from idp.domain.errors import Unavailable
from idp.storage.sql import engine_sqlite
from idp.storage.sql.engine_sqlite import OLDEST, SqliteEngine, sqlite_library
from idp.storage.sql.errors import StorageError
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.store import FILE, open_store
from tests.need import ROOT
from tests.storage.databases import Database
from tests.storage.things import a_client, a_grant, an_account, consenting

EXPECTED = {
    "journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1, "secure_delete": 1,
    "trusted_schema": 0,
}


def test_durability_pragmas_are_in_force_on_every_connection(
    sqlite_database: Database, sealing: ColumnSealing
) -> None:
    with closing(sqlite_database.open(sealing)) as store:
        def effective(tx: object) -> dict[str, object]:
            connection = tx.run.connection
            return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in EXPECTED}

        assert store.write(effective) == EXPECTED
        assert store.read(effective) == EXPECTED


def test_a_pragma_that_does_not_take_effect_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine_sqlite._PRAGMAS, "synchronous", ("FULL", 3))
    engine = SqliteEngine(tmp_path / FILE)
    engine.create()
    with pytest.raises(StorageError, match="synchronous"):
        engine.connect()


def test_a_sqlite_that_can_corrupt_its_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sqlite_library().sqlite_version_info >= OLDEST == (3, 51, 3)
    old = SimpleNamespace(sqlite_version_info=(3, 51, 2), sqlite_version="3.51.2")
    monkeypatch.setattr(engine_sqlite, "sqlite3", old)

    def missing(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(engine_sqlite.importlib, "import_module", missing)
    with pytest.raises(StorageError, match="pysqlite3"):
        sqlite_library()
    new = SimpleNamespace(sqlite_version_info=(3, 51, 3), sqlite_version="3.51.3")
    monkeypatch.setattr(engine_sqlite.importlib, "import_module", lambda name: new)
    assert sqlite_library() is new


def test_a_second_server_is_kept_out_and_a_command_is_not(sqlite_database: Database, sealing: ColumnSealing) -> None:
    with closing(sqlite_database.open(sealing, exclusive=True)) as server:
        with pytest.raises(StorageError, match="another server"):
            sqlite_database.open(sealing, exclusive=True)
        with closing(sqlite_database.open(sealing, exclusive=False)) as command:
            assert command.write(lambda tx: tx.keys.claim_meta("told", "by the command"))
        assert server.read(lambda tx: tx.keys.meta("told")) == "by the command"
    with closing(sqlite_database.open(sealing, exclusive=True)):
        pass


def test_the_lock_of_a_killed_server_is_free(sqlite_database: Database, sealing: ColumnSealing, ring: KeyRing) -> None:
    program = (
        "import sys; from pathlib import Path; from crypto.keyring import KeyRing\n"
        "from idp.storage.sql.sealed_columns import ColumnSealing; from idp.storage.sql.store import open_store\n"
        "store = open_store('', Path(sys.argv[1]), ColumnSealing(KeyRing.generate('https://id.example')))\n"
        "store.write(lambda tx: tx.keys.claim_meta('was', 'here')); print('ready', flush=True); sys.stdin.read()"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program, sqlite_database.data_dir], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    with server:
        assert server.stdout.readline() == "ready\n"
        with pytest.raises(StorageError):
            sqlite_database.open(sealing, exclusive=True)
        server.kill()
        server.wait(10)
    with closing(sqlite_database.open(sealing, exclusive=True)) as store:
        assert store.read(lambda tx: tx.keys.meta("was")) == "here"


def test_files_are_readable_by_their_owner_alone(tmp_path: Path, sealing: ColumnSealing) -> None:
    data_dir = tmp_path / "fresh"
    with closing(open_store("", data_dir, sealing)) as store:
        store.write(lambda tx: tx.keys.claim_meta("a", "b"))
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in data_dir.iterdir()}
    assert {FILE, f"{FILE}-wal", f"{FILE}-shm", "blindage.lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_nothing_deleted_can_be_read_from_the_files(sqlite_database: Database, sealing: ColumnSealing) -> None:
    marks = [secrets.token_hex(16) for _ in range(40)]
    clients = [a_client(name=mark) for mark in marks]
    files = [sqlite_database.data_dir / (FILE + end) for end in ("", "-wal")]

    def found() -> int:
        data = b"".join(file.read_bytes() for file in files if file.exists())
        return sum(mark.encode() in data for mark in marks)

    with closing(sqlite_database.open(sealing)) as store:
        store.write(lambda tx: [tx.clients.add(client) for client in clients])
        assert found() == 40
        store.write(lambda tx: [tx.clients.delete(client.id) for client in clients])
        assert found() == 40, "they are in the log still"
        assert store.truncate_log()
        assert found() == 0


def test_nothing_personal_can_be_read_from_the_files(sqlite_database: Database, sealing: ColumnSealing) -> None:
    account = an_account(
        username="marked-name", contact="marked-contact", salt=b"marked-salt-marked-salt-marked-s",
        password_hash="$argon2id$marked-hash", guardians=(b"marked-guardian-",),
    )
    with closing(sqlite_database.open(sealing)) as store:
        store.write(lambda tx: tx.accounts.add(account))
        _, consent = consenting(store)
        store.write(lambda tx: tx.grants.claim_code(a_grant(consent, subject="marked-subject", sid="marked-sid")))
        data = b"".join(file.read_bytes() for file in sqlite_database.data_dir.iterdir())
    assert account.id in data, "the files were looked at"
    assert b"marked-" not in data


def test_truncating_the_log_gives_way_to_readers(sqlite_database: Database, sealing: ColumnSealing) -> None:
    with closing(sqlite_database.open(sealing)) as store:
        store.write(lambda tx: tx.keys.claim_meta("a", "b"))
        looking, done = threading.Event(), threading.Event()

        def look(tx: object) -> None:
            tx.keys.meta("a")
            looking.set()
            assert done.wait(20)

        reader = threading.Thread(target=lambda: store.read(look, snapshot=True))
        reader.start()
        assert looking.wait(20)
        store.write(lambda tx: tx.keys.claim_meta("c", "d"))
        started = time.monotonic()
        assert not store.truncate_log()
        assert time.monotonic() - started < 2
        done.set()
        reader.join()
        assert store.truncate_log()


def test_a_copy_is_whole_while_writes_go_on(
    sqlite_database: Database, sealing: ColumnSealing, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    with closing(sqlite_database.open(sealing)) as store:
        account, consent = consenting(store)
        store.write(lambda tx: [tx.grants.claim_code(a_grant(consent)) for _ in range(300)])
        stop = threading.Event()

        def keep_writing() -> None:
            while not stop.is_set():
                store.write(lambda tx: tx.grants.claim_code(a_grant(consent)))

        writing = threading.Thread(target=keep_writing)
        writing.start()
        store.backup(target)
        stop.set()
        writing.join()
        with pytest.raises(StorageError, match="exists"):
            store.backup(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("copy")] == ["copy.db"]
    restored = tmp_path / "restored"
    restored.mkdir()
    target.rename(restored / FILE)
    with closing(open_store("", restored, sealing)) as store:
        assert store.read(lambda tx: tx.accounts.get(account.id)) == account
        assert len(store.read(lambda tx: tx.grants.of_account(account.id))) >= 300


def test_a_damaged_database_is_not_copied(sqlite_database: Database, sealing: ColumnSealing, tmp_path: Path) -> None:
    with closing(sqlite_database.open(sealing)) as store:
        _, consent = consenting(store)
        store.write(lambda tx: [tx.grants.claim_code(a_grant(consent)) for _ in range(300)])
    file = sqlite_database.data_dir / FILE
    data = bytearray(file.read_bytes())
    data[-4096:] = secrets.token_bytes(4096)
    file.write_bytes(data)
    with closing(sqlite_database.open(sealing)) as store, pytest.raises((StorageError, Unavailable)):
        store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []


def test_a_full_disk_refuses_writes_answers_reads_and_heals(sqlite_database: Database, ring: KeyRing) -> None:
    program = sqlite_database.data_dir / "full.json"
    program.write_text(json.dumps({
        "data_dir": str(sqlite_database.data_dir), "issuer": ring.issuer, "ring": ring.serialize().decode()
    }))
    answer = subprocess.run(
        [sys.executable, "-m", "tests.storage.full_disk", program], cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["refused"] and told["refused"] == told["unavailable"], "every refusal says try again"
    assert told["read_while_full"] and told["written_after"]
    assert told["acknowledged"] == told["found"], "what was acknowledged is there, what was refused is not"


def test_a_writer_waits_for_another_process(sqlite_database: Database, sealing: ColumnSealing) -> None:
    with closing(sqlite_database.open(sealing)) as store, sqlite_database.raw() as command:
        store.write(lambda tx: tx.keys.claim_meta("first", "x"))
        command.execute("BEGIN IMMEDIATE")
        released = threading.Event()
        release = threading.Timer(0.3, lambda: (released.set(), command.execute("COMMIT")))
        release.start()
        assert store.write(lambda tx: tx.keys.claim_meta("second", "x"))
        assert released.is_set()
        release.join()


def test_a_database_that_cannot_be_opened_is_unavailable_and_then_is_again(
    sqlite_database: Database, sealing: ColumnSealing
) -> None:
    file = sqlite_database.data_dir / FILE
    with closing(sqlite_database.open(sealing)) as store:
        file.rename(file.with_suffix(".away"))
        file.mkdir()
        for call in (store.ping, lambda: store.write(lambda tx: tx.keys.claim_meta("a", "b"))):
            with pytest.raises(Unavailable):
                call()
        file.rmdir()
        file.with_suffix(".away").rename(file)
        store.ping()
        assert store.write(lambda tx: tx.keys.claim_meta("a", "b"))


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "sqlite://", "sqlite:///:memory:", "no address secret"])
def test_other_addresses_are_refused_without_quoting_them(tmp_path: Path, sealing: ColumnSealing, url: str) -> None:
    with pytest.raises(StorageError) as refused:
        open_store(url, tmp_path, sealing)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path, sealing: ColumnSealing) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all, but long enough to be looked at " * 100)
    with pytest.raises(StorageError, match="not a database"):
        open_store("", tmp_path, sealing)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        open_store("", tmp_path / "file", sealing)


def test_a_relative_file_lies_in_the_data_directory(tmp_path: Path, sealing: ColumnSealing) -> None:
    open_store("sqlite:///other.db", tmp_path, sealing).close()
    assert (tmp_path / "other.db").exists()
    absolute = tmp_path / "elsewhere" / "third.db"
    open_store(f"sqlite:///{absolute}", tmp_path, sealing).close()
    assert absolute.exists()


def test_the_store_never_uses_a_library_with_the_bug_by_accident() -> None:
    # The standard library's is older on most systems: it must not come in by another way.
    source = (ROOT / "idp" / "storage" / "sql" / "engine_sqlite.py").read_text()
    assert "sqlite3.connect(" not in source
    assert sqlite_library() is not sqlite3 or sqlite3.sqlite_version_info >= OLDEST


def test_the_log_is_moved_beside_the_writer_and_stays_short(sqlite_database: Database, sealing: ColumnSealing) -> None:
    """Otherwise the writer itself stops for it, at a COMMIT, once the log has become long."""
    log = sqlite_database.data_dir / f"{FILE}-wal"
    with closing(sqlite_database.open(sealing)) as store:
        for number in range(40):
            store.write(lambda tx, number=number: tx.spent.claim("dpop", b"%d" % number, 1))
        long = log.stat().st_size
        for number in range(400):
            store.write(lambda tx, number=number: tx.spent.claim("again", b"%d" % number, 1))
            store.move_log()
        assert log.stat().st_size < 1.1 * long, "the writer begins the log anew when all of it has been moved"
        assert sqlite_database.rows("PRAGMA wal_checkpoint(PASSIVE)")[0][0] == 0
    store.move_log()


def test_readers_have_small_caches_however_many_there_are(sqlite_database: Database, sealing: ColumnSealing) -> None:
    """Each thread has a connection: 32 caches of the writer's size would be half a gigabyte."""
    with closing(sqlite_database.open(sealing)) as store:
        cache = Statement(text("PRAGMA cache_size"))
        assert store.read(lambda tx: tx.run.one(cache)) == (-engine_sqlite.READER_CACHE_KIB,)
        assert store.write(lambda tx: tx.run.one(cache)) == (-engine_sqlite.CACHE_KIB,)
    assert engine_sqlite.READER_CACHE_KIB * 32 + engine_sqlite.CACHE_KIB < 32_000
