"""Settings of the store: where past runs are kept, and which secrets may stand where."""

from pathlib import Path

import pytest

from auditor.errors import UsageError
from auditor.settings import Settings, digest_settings, store_url
from tests.test_layers import load

EVERYTHING = """
store: postgresql+psycopg://auditor@db.example/history
snapshots: s3://bucket/snapshots
cluster_name: shop
signing_key: key.pem
keep_days: 400
keep_runs: 1000
"""


def test_a_file_may_hold_the_settings_of_the_store(tmp_path: Path) -> None:
    """Where a result is kept, and how long, does not change what it rests on; the name does."""
    loaded = load(tmp_path, EVERYTHING)
    assert loaded == Settings(
        store="postgresql+psycopg://auditor@db.example/history",
        snapshots="s3://bucket/snapshots",
        cluster_name="shop",
        signing_key="key.pem",
        keep_days=400,
        keep_runs=1000,
    )
    assert digest_settings(loaded) == digest_settings(Settings(cluster_name="shop"))


@pytest.mark.parametrize("key", ["keep_days", "keep_runs"])
def test_to_keep_nothing_is_refused(tmp_path: Path, key: str) -> None:
    """A day, or a run, is the least."""
    with pytest.raises(UsageError, match=f"line 1: key {key} is malformed: it is less than 1"):
        load(tmp_path, f"{key}: 0")
    assert 1 == getattr(load(tmp_path, f"{key}: 1"), key)


SECRETS = (
    ("store", "postgresql+psycopg://auditor:hunter2@db.example/history", "NETPOL_AUDITOR_STORE"),
    ("store", "postgresql://auditor:hun/ter2@db.example/history", "PGPASSFILE"),
    ("store", "postgresql://auditor@db.example/history?password=hunter2", "PGPASSWORD"),
    ("snapshots", "s3://key:hunter2@bucket/snapshots", "NETPOL_AUDITOR_SNAPSHOTS"),
)


@pytest.mark.parametrize(("key", "url", "hint"), SECRETS)
def test_passwords_come_from_the_environment_alone(
    tmp_path: Path, key: str, url: str, hint: str
) -> None:
    """On a command line and in a file others read them; the message does not repeat them."""
    for where, arguments in (
        (f"flag --{key}", {key: url}),
        (f"line 1: key {key}", {"text": f"{key}: {url}"}),
    ):
        with pytest.raises(UsageError, match=f"{where} holds a password$") as caught:
            load(tmp_path, **arguments)  # type: ignore[arg-type]
        assert hint in caught.value.hint
        assert "ter2" not in caught.value.hint
    (tmp_path / "netpol-auditor.yaml").unlink()
    environ = {f"NETPOL_AUDITOR_{key.upper()}": url}
    assert url == getattr(load(tmp_path, environ=environ), key)


@pytest.mark.parametrize(
    "url",
    ["history.sqlite", "a:b@c", "sqlite:///a:b", "postgresql://auditor:@db:5432/h?sslmode=require"],
)
def test_what_is_no_password_is_not_taken_for_one(tmp_path: Path, url: str) -> None:
    """Paths may hold anything; an empty password is none."""
    assert url == load(tmp_path, store=url).store


def test_the_store_is_a_file_in_the_output_folder_by_default() -> None:
    """Another may be named, and `none` keeps no history."""
    assert "reports/history.sqlite" == store_url(Settings(output="reports"))
    assert "sqlite:///a" == store_url(Settings(store="sqlite:///a"))
    assert store_url(Settings(store="none")) is None
