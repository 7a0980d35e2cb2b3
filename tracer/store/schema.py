"""The database: its tables as numbered migrations, and opening it for writing or reading.

Migrations are appended and never edited. `PRAGMA user_version` counts the applied ones, so that opening a current
database needs no migration library; `PRAGMA application_id` tells our files from other programs'.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tracer.errors import StoreError, UnusableStoreError

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x74726372
BUSY_TIMEOUT_S = 10.0
_LOG_BYTES = 16 * 1024 * 1024
_LOG_PAGES = 3_000

_TABLES = (
    """CREATE TABLE run(
        run TEXT NOT NULL, project TEXT NOT NULL, started_at_us INTEGER NOT NULL, ended_at_us INTEGER,
        command TEXT NOT NULL, tags TEXT NOT NULL, exit_code INTEGER, PRIMARY KEY(run))""",
    # What crossed. The columns are what identity and lists ask for; `meta` holds the rest as JSON.
    """CREATE TABLE exchange(
        seq INTEGER PRIMARY KEY, project TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, run TEXT,
        origin TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER, outcome TEXT NOT NULL,
        started_at_us INTEGER NOT NULL, ended_at_us INTEGER, request_size INTEGER NOT NULL,
        response_size INTEGER NOT NULL, meta TEXT NOT NULL, chunks BLOB NOT NULL,
        request_hash BLOB, response_hash BLOB,
        operation TEXT, interaction_id TEXT, previous_id TEXT, fingerprint TEXT, sent_token TEXT, given_tokens TEXT,
        retry_until_us INTEGER, first_attempt INTEGER, record TEXT, UNIQUE(project, key))""",
    "CREATE INDEX exchange_record ON exchange(project, record, started_at_us)",
    """CREATE INDEX exchange_id ON exchange(project, origin, interaction_id, started_at_us)
        WHERE interaction_id IS NOT NULL""",
    "CREATE INDEX exchange_fingerprint ON exchange(fingerprint, started_at_us) WHERE fingerprint IS NOT NULL",
    "CREATE INDEX exchange_retry ON exchange(fingerprint, retry_until_us) WHERE retry_until_us IS NOT NULL",
    "CREATE INDEX exchange_sent ON exchange(project, origin, sent_token) WHERE sent_token IS NOT NULL",
    "CREATE INDEX exchange_run ON exchange(run, kind)",
    """CREATE TABLE given_token(
        project TEXT NOT NULL, origin TEXT NOT NULL, token TEXT NOT NULL, key TEXT NOT NULL,
        PRIMARY KEY(project, origin, token, key)) WITHOUT ROWID""",
    # Bodies of finished exchanges, by content. A growing one would leave a blob behind at every update: it stays apart.
    "CREATE TABLE blob(hash BLOB NOT NULL UNIQUE, codec TEXT NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE open_body(seq INTEGER PRIMARY KEY, request BLOB NOT NULL, response BLOB NOT NULL)",
    # One node of a conversation; the columns of rows.InteractionRow, and what links are resolved by.
    """CREATE TABLE interaction(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, key TEXT NOT NULL, project TEXT NOT NULL,
        run TEXT, id TEXT, parent_key TEXT, root_key TEXT NOT NULL, linked_by TEXT, ghost INTEGER NOT NULL,
        dialect TEXT NOT NULL, model TEXT, agent TEXT, status TEXT, state TEXT NOT NULL,
        background INTEGER NOT NULL, stream INTEGER NOT NULL, started_at_us INTEGER NOT NULL,
        duration_us INTEGER, first_output_us INTEGER, input_tokens INTEGER, cached_tokens INTEGER,
        output_tokens INTEGER, thought_tokens INTEGER, tool_use_tokens INTEGER, total_tokens INTEGER,
        cost_nano INTEGER, error_code TEXT, polls INTEGER NOT NULL, retries INTEGER NOT NULL, hops INTEGER NOT NULL,
        tools TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL,
        origin TEXT NOT NULL, previous_id TEXT, UNIQUE(project, key))""",
    "CREATE INDEX interaction_status ON interaction(status, seq)",
    "CREATE INDEX interaction_model ON interaction(model, seq)",
    "CREATE INDEX interaction_started ON interaction(started_at_us, seq)",
    "CREATE INDEX interaction_project ON interaction(project, started_at_us, seq)",
    "CREATE INDEX interaction_rev ON interaction(rev)",
    "CREATE INDEX interaction_root ON interaction(root_key, seq)",
    "CREATE INDEX interaction_parent ON interaction(project, parent_key, seq) WHERE parent_key IS NOT NULL",
    "CREATE INDEX interaction_id ON interaction(id, seq) WHERE id IS NOT NULL",
    "CREATE INDEX interaction_key ON interaction(key)",
    """CREATE INDEX interaction_previous ON interaction(project, origin, previous_id, started_at_us)
        WHERE previous_id IS NOT NULL""",
    "CREATE TABLE record(seq INTEGER PRIMARY KEY, codec TEXT NOT NULL, data BLOB NOT NULL)",
    """CREATE TABLE conversation(
        seq INTEGER PRIMARY KEY, rev INTEGER NOT NULL, root_key TEXT NOT NULL, project TEXT NOT NULL,
        title TEXT NOT NULL, interactions INTEGER NOT NULL, failed INTEGER NOT NULL, running INTEGER NOT NULL,
        total_tokens INTEGER NOT NULL, cost_nano INTEGER, started_at_us INTEGER NOT NULL, last_at_us INTEGER NOT NULL,
        models TEXT NOT NULL, UNIQUE(project, root_key))""",
    "CREATE INDEX conversation_project ON conversation(project, seq)",
    "CREATE INDEX conversation_rev ON conversation(rev)",
    "CREATE INDEX conversation_root ON conversation(root_key)",
    """CREATE TABLE alias(
        project TEXT NOT NULL, old TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY(project, old)) WITHOUT ROWID""",
    "CREATE VIRTUAL TABLE search USING fts5(prompt, answer, tools)",
    "CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO counter VALUES ('rev', 0)",
)


def m001_first_tables(db: Database) -> None:
    """Runs, exchanges and their bodies, interactions and their records, conversations, search."""
    for statement in _TABLES:
        db.conn.execute(statement)
    db.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")


_HISTORY_TABLES = (
    "ALTER TABLE interaction ADD COLUMN client TEXT",
    # What an interaction that keeps no state at the service can be recognised by (tracer.identity.history).
    "ALTER TABLE interaction ADD COLUMN history BLOB",
    """CREATE INDEX interaction_history ON interaction(history, project, origin, started_at_us)
        WHERE history IS NOT NULL""",
    """CREATE TABLE prefix(
        seq INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, project TEXT NOT NULL, origin TEXT NOT NULL,
        started_at_us INTEGER NOT NULL, PRIMARY KEY(seq, place)) WITHOUT ROWID""",
    "CREATE INDEX prefix_hash ON prefix(hash, project, origin, started_at_us)",
    """CREATE TABLE unknown(
        seq INTEGER NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY(seq, kind, path)) WITHOUT ROWID""",
    # Conversations that became part of another one, so that a screen can take them away.
    "CREATE TABLE gone(seq INTEGER PRIMARY KEY, rev INTEGER NOT NULL, project TEXT NOT NULL)",
    "CREATE INDEX gone_rev ON gone(rev)",
)


def m002_histories_and_unknowns(db: Database) -> None:
    """Links by history, the words never seen before, clients, vanished conversations; `tracer reindex` fills them."""
    for statement in _HISTORY_TABLES:
        db.conn.execute(statement)


_LATER_TABLES = (
    # Rows whose text the index does not have yet; `again` if it has an older one.
    "CREATE TABLE unsearched(seq INTEGER PRIMARY KEY, again INTEGER NOT NULL)",
    # What came of a running response since its row in `open_body` was written.
    """CREATE TABLE open_piece(
        seq INTEGER NOT NULL, place INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(seq, place)) WITHOUT ROWID""",
    # Screens ask for conversations that changed, never for interactions.
    "DROP INDEX interaction_rev",
)


def m003_less_to_write(db: Database) -> None:
    """The full-text index may be behind, running bodies grow by pieces; an index that nobody asks goes."""
    for statement in _LATER_TABLES:
        db.conn.execute(statement)


# What an interaction is in the words of `status:`, `model:`, `agent:`, `has:` and `is:`. There are few combinations of
# these, so that an index by them finds the newest of any, and the rare ones.
_TRAITS = (
    "coalesce(thought_tokens > 0, 0)", "tools <> ''", "error_code IS NOT NULL", "answer <> ''",
    "total_tokens IS NOT NULL", "cost_nano IS NOT NULL", "retries > 0", "polls > 0", "hops > 1",
    "parent_key IS NOT NULL", "background", "stream", "ghost",
)  # fmt: skip
_KIND = (
    "json_array(project, status, model, agent, state, "
    + " + ".join(f"{1 << place} * ({trait})" for place, trait in enumerate(_TRAITS))
    + ")"
)
_FINDING_TABLES = (
    f"ALTER TABLE interaction ADD COLUMN kind TEXT GENERATED ALWAYS AS ({_KIND}) VIRTUAL",
    "CREATE INDEX interaction_kind ON interaction(kind)",
    "CREATE INDEX interaction_tools ON interaction(project, tools) WHERE tools <> ''",
    # The kinds are both of these as well.
    "DROP INDEX interaction_status",
    "DROP INDEX interaction_model",
    "CREATE INDEX conversation_cost ON conversation(project, cost_nano)",
    "CREATE INDEX conversation_tokens ON conversation(project, total_tokens)",
    "CREATE INDEX conversation_latency ON conversation(project, last_at_us - started_at_us)",
    # What broke off counts as failed.
    """UPDATE conversation SET failed = failed + broken FROM (
        SELECT project AS of, root_key AS root, count(*) AS broken FROM interaction
        WHERE ghost = 0 AND state IN ('interrupted', 'truncated') AND status IS NOT 'failed' GROUP BY 1, 2
    ) WHERE project = of AND root_key = root""",
)


def m004_found_at_once(db: Database) -> None:
    """Rows are found by what they are, and conversations by what lists are ordered by, however many there are."""
    for statement in _FINDING_TABLES:
        db.conn.execute(statement)


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    m001_first_tables,
    m002_histories_and_unknowns,
    m003_less_to_write,
    m004_found_at_once,
)
VERSION = len(MIGRATIONS)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode to a database of the current schema, made or migrated if need be.

    The file is 0600 and a folder made for it 0700. Raises StoreError.
    """
    with _clear_errors(path):
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            if _version(connection, path) < VERSION:
                connection.execute("PRAGMA journal_mode = WAL")
                _migrate(connection, path)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA cache_size = -16000")
            # Pages that change with every batch are copied into the file once in so many pages of the log.
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            # A log that grew while readers held it back is cut again at the next checkpoint.
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_reading(path: Path, *, old: bool = False) -> sqlite3.Connection:
    """A read-only connection to a database of the current schema, or of an earlier one too if `old`.

    Raises StoreError, also if there is none yet.
    """
    with _clear_errors(path):
        if not path.exists():
            raise StoreError(
                f"there is no database at {str(path)!r} yet: `tracer run -- CMD` or `tracer demo` makes it"
            )
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            version = _version(connection, path)
            if version == 0:
                raise StoreError(f"the database {str(path)!r} is empty: `tracer run -- CMD` fills it")
            if version < VERSION and not old:
                raise StoreError(
                    f"the database {str(path)!r} has schema {version}, this tracer reads {VERSION}: "
                    "`tracer reindex` brings it up to date"
                )
        except BaseException:
            connection.close()
            raise
        return connection


def upgrade(path: Path) -> int | None:
    """Bring a database of an earlier schema up to this one; the schema it had, or None if there was nothing to do.

    Raises StoreError if it can't be written.
    """
    if not path.is_file():
        return None
    with contextlib.closing(open_for_reading(path, old=True)) as connection:
        version = _version(connection, path)
    if version == VERSION:
        return None
    open_for_writing(path).close()
    return version


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, keep: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """BEGIN IMMEDIATE, then COMMIT, or ROLLBACK if the block raises or `keep` says no at its end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT" if keep() else "ROLLBACK")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != APPLICATION_ID and (
        version or application or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    ):
        raise UnusableStoreError(
            f"{str(path)!r} is another program's SQLite file: name a new file with --db or TRACER_DB"
        )
    if version > VERSION:
        raise UnusableStoreError(
            f"the database {str(path)!r} has schema {version}, this tracer knows {VERSION}: update interactions-tracer"
        )
    return version


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    from sqlite_utils import Database, Migrations

    migrations = Migrations("tracer")
    for migration in MIGRATIONS:
        migrations()(migration)
    with transaction(connection):
        # Another process may have been faster while we waited for the lock.
        if _version(connection, path) < VERSION:
            migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))
            connection.execute(f"PRAGMA user_version = {VERSION}")


@contextlib.contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if path.is_dir():
            reason = "it is a folder: name a file"
        elif "locked" in str(error):
            reason = "another process holds it locked: try again when that one is done"
        else:
            reason = f"{error}; check that you may read and write it and its folder"
        raise StoreError(f"the database {str(path)!r} can't be opened: {reason}") from error
    except sqlite3.DatabaseError as error:
        raise UnusableStoreError(
            f"{str(path)!r} is no SQLite file or is damaged ({error}): move it away or name another with --db"
        ) from error
    except OSError as error:
        raise StoreError(
            f"the database {str(path)!r} can't be opened: {error.strerror or error}; check the folder's permissions"
        ) from error
