"""Certificates to serve with."""

from __future__ import annotations

import pytest

from tests.delivery.servers import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority that signs for the servers of the tests."""
    return Authority(tmp_path_factory.mktemp("authority"))
