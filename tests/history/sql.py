"""What someone with the database's own tools does to a store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, text


def run_sql(url: str, statement: str, **values: object) -> list[Any]:
    """Run a statement of SQL, and return its rows, if it has any."""
    engine = create_engine(url if "://" in url else f"sqlite:///{url}")
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()
