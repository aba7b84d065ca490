"""What goes wrong with PostgreSQL: one line, a hint, no password, and nothing half-written."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from auditor.errors import HistoryError
from auditor.history.store import Store, open_store
from auditor.history.verify import verify_chain
from tests.history.disks import mounted
from tests.history.postgresql import PASSWORD, Server
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot
from tests.history.sql import run_sql
from tests.reports.audits import make_finding


def see_whole(store: Store, runs: int) -> None:
    """See that a store holds so many whole runs, in an unbroken chain."""
    result = verify_chain(store, CLUSTER)
    assert (runs, None) == (result.runs, result.broken)


def name_of(url: str) -> str:
    """The name of a URL's database."""
    return url.rpartition("/")[2]


def open_once(url: str) -> None:
    """Open a store, and close it."""
    with open_store(url, create=True):
        pass


@contextmanager
def refused(message: str, hint: str) -> Iterator[None]:
    """What is done inside fails with a message and a hint in one line each, and no password."""
    with pytest.raises(HistoryError, match=message) as caught:
        yield
    told = f"{caught.value.message} {caught.value.hint}"
    assert PASSWORD not in told
    assert "sesame" not in told
    assert "\n" not in told
    assert hint in caught.value.hint


def test_a_wrong_password_is_told_and_not_shown(postgresql: Server, postgresql_url: str) -> None:
    """Nor is it in where the store says it is."""
    url = postgresql.url(name_of(postgresql_url), password="sesame")
    with refused("refuses the user or password", "PGPASSWORD"):
        open_once(url)
    with open_store(postgresql_url, create=True) as store:
        assert PASSWORD not in store.where
        assert "127.0.0.1" in store.where


def test_a_password_may_come_from_the_environment(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As libpq reads it, so that the URL holds none; without one the server is not entered."""
    url = postgresql_url.replace(f":{PASSWORD}@", "@")
    with refused("refuses the user or password", "PGPASSWORD"):
        open_once(url)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with open_store(url, create=True) as store:
        keep_runs(store, 1)


def test_a_password_in_the_query_is_not_shown(postgresql_url: str) -> None:
    """Libpq takes it there, too."""
    url = f"{postgresql_url.replace(f':{PASSWORD}@', '@')}?password="
    with open_store(f"{url}{PASSWORD}", create=True) as store:
        assert PASSWORD not in store.where
    with refused("refuses the user or password", "PGPASSWORD"):
        open_once(f"{url}sesame")


def test_a_database_that_is_not_there_is_not_made(postgresql: Server) -> None:
    """Whoever runs the server makes it."""
    with refused('database "nowhere" does not exist', "see that the server runs"):
        open_once(postgresql.url("nowhere"))


def test_a_server_that_does_not_listen_is_told_at_once() -> None:
    """With the address, and what to look at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://u:sesame@127.0.0.1:{probe.getsockname()[1]}/db"
        with refused("cannot be reached: .*Connection refused", "see that the server runs"):
            open_once(url)


def test_a_server_that_does_not_answer_is_not_waited_for_long() -> None:
    """Ten seconds, or as long as the URL says."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        url = f"postgresql+psycopg://u:sesame@{address}/db?connect_timeout=2"
        began = time.monotonic()
        with refused("cannot be reached: ", "see that"):
            open_once(url)
        assert time.monotonic() - began < 9


def test_a_host_without_an_address_is_told() -> None:
    """It is a name that no resolver may ever know."""
    url = "postgresql+psycopg://u:sesame@host.invalid/db"
    with refused("cannot be reached: ", "see that the server runs"):
        open_once(url)


def test_a_cluster_that_another_program_writes_is_waited_for(
    postgresql: Server, postgresql_url: str
) -> None:
    """As long as was said; then nothing is kept. Other clusters are not waited for."""
    with open_store(postgresql_url, create=True, wait_seconds=0.3) as store:
        keep_runs(store, 1)
        with postgresql.connect(name_of(postgresql_url)) as other, other.transaction():
            other.execute("SELECT * FROM clusters FOR UPDATE")
            began = time.monotonic()
            with refused("is locked", "another program is writing"):
                keep_runs(store, 2)
            assert 0.3 <= time.monotonic() - began < 10
            keep_runs(store, 3, cluster="name:other")
            see_whole(store, 1)
        keep_runs(store, 2)
        see_whole(store, 2)


def test_pruning_waits_for_those_who_write(postgresql: Server, postgresql_url: str) -> None:
    """And migrating does: whoever writes holds a lock that they ask for alone."""
    with open_store(postgresql_url, create=True, wait_seconds=0.3) as store:
        keep_runs(store, 1, 2)
        with postgresql.connect(name_of(postgresql_url)) as other, other.transaction():
            other.execute("SELECT pg_advisory_xact_lock_shared(%s)", (int.from_bytes(b"netpol-a"),))
            keep_runs(store, 3)
            with refused("is locked", "another program is writing"):
                store.prune(keep_days=None, keep_runs=1, now="2027-01-01")
        assert 2 == len(store.prune(keep_days=None, keep_runs=1, now="2027-01-01").runs)


def test_a_connection_that_is_cut_keeps_nothing_of_the_run(
    postgresql: Server, postgresql_url: str
) -> None:
    """In the middle of writing it: the store is as it was."""
    with open_store(postgresql_url, create=True) as store:
        keep_runs(store, 1)

        def cut(_: bytes) -> tuple[str, str]:
            with postgresql.connect("postgres") as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (name_of(postgresql_url),),
                )
            return "signature", "key"

        with refused("failed: |cannot be reached: ", ""):
            store.keep(make_run(2), make_snapshot(2), sign=cut)
    with open_store(postgresql_url, create=True) as store:
        see_whole(store, 1)
        keep_runs(store, 2)
        see_whole(store, 2)


def test_a_database_that_may_only_be_read_is_read(postgresql: Server, postgresql_url: str) -> None:
    """By a user who may do no more, or while the whole of it is read-only."""
    name = name_of(postgresql_url)
    with open_store(postgresql_url, create=True) as store:
        keep_runs(store, 1)
    with postgresql.connect(name) as admin:
        admin.execute("DROP ROLE IF EXISTS reader")
        admin.execute("CREATE ROLE reader LOGIN PASSWORD 'read'")
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    with open_store(postgresql.url(name, user="reader", password="read"), create=False) as store:
        see_whole(store, 1)
        with refused("refuses: permission denied", "grant the user"):
            keep_runs(store, 2)
    with postgresql.connect(name) as admin:
        admin.execute("DROP OWNED BY reader")
        admin.execute("DROP ROLE reader")
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    with open_store(postgresql_url, create=True) as store:
        see_whole(store, 1)
        with refused("cannot be written: it is read-only", "the right to write"):
            keep_runs(store, 2)


def test_a_full_disk_of_the_server_keeps_what_was_there(postgresql: Server) -> None:
    """The run that does not fit is not kept in part."""
    with (
        mounted(postgresql.folder / "small", size="24m") as disk,
        postgresql.tablespace(disk.folder) as url,
        open_store(url, create=True) as store,
    ):
        keep_runs(store, 1)
        many = [make_finding(number, message=noise(number)) for number in range(3000)]
        with refused("the disk of the server is full", "make room"):
            store.keep(make_run(2, findings=many), make_snapshot(2))
        # what the failed transaction wrote is still in the way, even of reading, which may have to
        # write what waits in memory
        disk.grow("128m")
        see_whole(store, 1)
        keep_runs(store, 3)
        see_whole(store, 2)


def noise(seed: int) -> str:
    """Text that PostgreSQL cannot compress away."""
    return "".join(hashlib.sha256(f"{seed} {part}".encode()).hexdigest() for part in range(150))


def test_damage_is_told(postgresql_url: str) -> None:
    """A table that is gone, a column that is gone."""
    with open_store(postgresql_url, create=True) as store:
        keep_runs(store, 1)
        run = store.find("run-0001")
        run_sql(postgresql_url, "DROP TABLE rule_results")
        with refused("is damaged: relation .* does not exist", "backup"):
            _ = run.rules
        run_sql(postgresql_url, "ALTER TABLE runs DROP COLUMN hash")
        with refused("is damaged: column .* does not exist", "backup"):
            store.find("run-0001")


def test_the_driver_may_be_missing() -> None:
    """It is an extra: who needs it is told how it is installed."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from auditor.errors import HistoryError\n"
        "from auditor.history.store import open_store\n"
        "try:\n"
        "    with open_store('postgresql+psycopg://u:sesame@h/db', create=True): pass\n"
        "except HistoryError as error: print(error, '|', error.hint)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    message, _, hint = ran.stdout.strip().partition(" | ")
    assert "the driver psycopg is not installed" in message
    assert "pip install 'netpol-auditor[postgresql]'" == hint
    assert "sesame" not in message


def test_reading_sees_one_state(postgresql_url: str) -> None:
    """A run that is pruned while a chain is read is read whole, as it was."""
    with open_store(postgresql_url, create=True) as store:
        keep_runs(store, 1, 2)
        links = store.raw(CLUSTER)
        first = next(links)
        with open_store(postgresql_url, create=False) as other:
            assert other.prune(keep_days=None, keep_runs=1, now="2027-01-01").runs
        assert ("run-0001", ["run-0002"]) == (first.id, [one.id for one in links])


def test_the_default_driver_is_psycopg(postgresql_url: str) -> None:
    """`postgresql://` is what most servers' owners hand out."""
    with open_store(postgresql_url.replace("+psycopg", ""), create=True) as store:
        keep_runs(store, 1)
        see_whole(store, 1)


def test_a_server_of_the_tests_asks_for_a_password(postgresql: Server) -> None:
    """Else the tests above would show nothing."""
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgresql.url("postgres", password="sesame").replace("+psycopg", ""))
