"""Plain REST to an API server, for what the tests write: no models, no retries, no settings."""

import json
from pathlib import Path
from typing import Any

import urllib3

JsonObject = dict[str, Any]
"""An object as the API spells it."""

_TIMEOUT_SECONDS = 30.0
_FIRST_ERROR_STATUS = 400


class RequestError(Exception):
    """The API server refused a request; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status beside the server's message."""
        super().__init__(message)
        self.status = status


class Client:
    """One identity on one API server, over connections that stay open."""

    def __init__(self, host: str, port: int, certificate_authority: Path, token: str) -> None:
        """Verify the server by `certificate_authority` (PEM) and speak as the bearer of `token`."""
        self._pool = urllib3.HTTPSConnectionPool(
            host,
            port,
            ca_certs=str(certificate_authority),
            timeout=_TIMEOUT_SECONDS,
            retries=False,
            headers={"Authorization": f"Bearer {token}"},
        )

    def request(
        self,
        method: str,
        path: str,
        body: JsonObject | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Send one request and return the answer's body.

        Raises:
            RequestError: the server answered with an error status.
            urllib3.exceptions.HTTPError: it did not answer, or its certificate does not verify.

        """
        response = self._pool.request(
            method,
            path,
            body=None if body is None else json.dumps(body).encode(),
            headers={**self._pool.headers, "Content-Type": content_type},
        )
        if response.status >= _FIRST_ERROR_STATUS:
            raise RequestError(response.status, _message_of(response.data))
        return response.data

    def get(self, path: str) -> JsonObject:
        """Read the object at `path`."""
        return _decode(self.request("GET", path))

    def list_all(self, path: str) -> list[JsonObject]:
        """Read all objects of the collection at `path`, in one page."""
        items: list[JsonObject] = self.get(path)["items"]
        return items

    def create(self, path: str, body: JsonObject) -> JsonObject:
        """Create an object in the collection at `path` and return it as stored."""
        return _decode(self.request("POST", path, body))

    def merge(self, path: str, patch: JsonObject) -> JsonObject:
        """Apply a JSON merge patch to the object at `path` and return it as stored."""
        return _decode(self.request("PATCH", path, patch, "application/merge-patch+json"))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _decode(body: bytes) -> JsonObject:
    decoded: JsonObject = json.loads(body)
    return decoded


def _message_of(body: bytes) -> str:
    """Take the message out of a Status object; plain text, as filters send it, stays as it is."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
