"""What the tests of this folder share."""

from pathlib import Path

import pytest

from auditor.settings import NO_STORE, Settings
from tests.job.audiences import Told, audit_whole
from tests.rules.auditing import read_path


@pytest.fixture(scope="session")
def shop() -> Told:
    """The shop with Calico, audited whole."""
    path = Path(__file__).parent.parent / "clusters" / "shop" / "calico"
    return audit_whole(read_path(path), Settings(store=NO_STORE))
