"""A real PostgreSQL server on loopback, with a folder of its own that is thrown away."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.apiserver.processes import Process

PASSWORD = "not-a-secret"
USER = "auditor"

_START_SECONDS = 60
_STOP_SECONDS = 20
_VERSIONS = Path("/usr/lib/postgresql")
"""Where Debian puts programs that no PATH names."""

_SETTINGS = (
    # A server that is thrown away need not outlive the machine's power.
    "fsync=off",
    "full_page_writes=off",
    "max_connections=40",
    "shared_buffers=32MB",
)


class ServerMissingError(Exception):
    """There is no PostgreSQL here, or nobody to run it as."""


class Server:
    """A running server. It listens on 127.0.0.1, and asks for a password."""

    def __init__(self) -> None:
        """Set a server up and start it.

        Raises:
            ServerMissingError: its programs are missing, or only root is there to run it.
        """
        initdb, program = _find("initdb"), _find("postgres")
        self._user = _find_user()
        # Not below pytest's folder, which other users may not enter; and sockets need short paths.
        self.folder = Path(tempfile.mkdtemp(prefix="netpol-auditor-postgresql-"))
        try:
            self._set_up(initdb)
            self.port = _free_port()
            self._process = Process(
                [
                    *self._as_user(),
                    program,
                    *("-D", self.folder / "data"),
                    *("-h", "127.0.0.1"),
                    *("-p", str(self.port)),
                    *("-k", self.folder),
                    *(f"--{one}" for one in _SETTINGS),
                ],
                self.folder / "log",
            )
            self._wait()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def make_database(self) -> str:
        """Make an empty database, and return its URL as `--store` takes it."""
        name = f"history_{uuid.uuid4().hex}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever still uses it."""
        with self.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)".encode())

    def empty_database(self, url: str) -> None:
        """Take away all that is in a database, whoever still uses it."""
        with self.connect(url.rpartition("/")[2]) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    @contextmanager
    def tablespace(self, folder: Path) -> Iterator[str]:
        """Make an empty database whose files lie in a folder, for a while; the URL of it."""
        if self._user is not None:
            shutil.chown(folder, self._user)
        name = f"small_{uuid.uuid4().hex}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'".encode())
            connection.execute(f"CREATE DATABASE {name} TABLESPACE {name}".encode())
        try:
            yield self.url(name)
        finally:
            self.drop_database(self.url(name))
            with self.connect("postgres") as connection:
                connection.execute(f"DROP TABLESPACE {name}".encode())

    def url(self, database: str, *, password: str = PASSWORD, user: str = USER) -> str:
        """The URL of a database."""
        return f"postgresql+psycopg://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str) -> psycopg.Connection:
        """Connect without any of the program under test."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        )

    def close(self) -> None:
        """Stop the server, and remove its folder."""
        process = getattr(self, "_process", None)
        if process is not None:
            # At once, but so that it gives its shared memory back. `runuser` is not the server.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                pid = (self.folder / "data" / "postmaster.pid").read_text().split()[0]
                os.kill(int(pid), signal.SIGQUIT)
            deadline = time.monotonic() + _STOP_SECONDS
            while process.exit_code() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            process.kill()
        shutil.rmtree(self.folder)

    def _set_up(self, initdb: str) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        if self._user is not None:
            for path in (self.folder, password):
                shutil.chown(path, self._user)
        subprocess.run(
            [
                *self._as_user(),
                initdb,
                *("-D", self.folder / "data"),
                *("-U", USER),
                *("-A", "scram-sha-256"),
                f"--pwfile={password}",
                *("-E", "UTF8"),
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
        )

    def _as_user(self) -> list[str]:
        """The words before a command that root may not run."""
        return [] if self._user is None else ["runuser", "-u", self._user, "--"]

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                if self._process.exit_code() is not None or time.monotonic() > deadline:
                    raise RuntimeError(self._process.log_tail()) from None
                time.sleep(0.05)
            else:
                return


def _find(program: str) -> str:
    newest = sorted(_VERSIONS.glob("*/bin"), key=lambda path: float(path.parent.name))
    places = os.pathsep.join([*map(str, reversed(newest)), os.environ.get("PATH", "")])
    found = shutil.which(program, path=places)
    if found is None:
        raise ServerMissingError(f"PostgreSQL is not installed ({program}): `make system-tests`")
    return found


def _find_user() -> str | None:
    """Who runs the server where that is root, who may not; None: whoever runs the tests."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    if shutil.which("runuser") is None or "postgres" not in known:
        raise ServerMissingError("PostgreSQL does not run as root, and there is no user postgres")
    return "postgres"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
