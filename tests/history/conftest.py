"""Stores to test: an SQLite file, and a database of a real PostgreSQL server."""

import itertools
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from auditor.history.store import Store, open_store
from tests.history.postgresql import Server, ServerMissingError
from tests.history.tampering import Kept, Tamper, keep_store


class OpenStore(Protocol):
    """Open the one store of a test; several times, where it is about several programs."""

    url: str

    def __call__(
        self, *, create: bool = True, wait_seconds: float = 30.0
    ) -> AbstractContextManager[Store]:
        """Open it."""


class _Place:
    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(
        self, *, create: bool = True, wait_seconds: float = 30.0
    ) -> AbstractContextManager[Store]:
        return open_store(self.url, create=create, wait_seconds=wait_seconds)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """Run a server, or skip; with CI=true, fail instead."""
    try:
        server = Server()
    except ServerMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture(scope="session")
def _shared_url(postgresql: Server) -> str:
    """Make the database of tests that leave nothing but tables in it."""
    return postgresql.make_database()


@pytest.fixture
def postgresql_url(postgresql: Server) -> Iterator[str]:
    """Make an empty database."""
    url = postgresql.make_database()
    yield url
    postgresql.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Say where nothing is kept yet: on each of the databases."""
    if request.param == "sqlite":
        return _Place(str(tmp_path / "history.db"))
    # Emptying a database takes a tenth of the time that making another takes.
    server: Server = request.getfixturevalue("postgresql")
    url: str = request.getfixturevalue("_shared_url")
    server.empty_database(url)
    return _Place(url)


@pytest.fixture
def store(place: OpenStore) -> Iterator[Store]:
    """Open an empty store, on each of the databases."""
    with place() as opened:
        yield opened


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Keep the runs that tests tamper with, in copies; nothing is signed."""
    return keep_store(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def tamper(template: Kept, tmp_path: Path) -> Tamper:
    """Make copies of the store to tamper with."""
    numbers = itertools.count()
    return lambda: template.copy(tmp_path / f"copy-{next(numbers)}")
