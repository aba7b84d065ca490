"""Detached signatures of runs: Ed25519, with keys as `openssl genpkey -algorithm ed25519` makes.

What is signed is the canonical JSON of a statement: which run, of which cluster, and the hash that
covers everything kept of it. Anyone can check a `report.sig` with openssl alone.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditor.errors import UsageError
from auditor.history.chain import SIGNATURE_SCHEMA, Statement
from auditor.model.canonical import encode_canonical
from auditor.model.findings import Record
from auditor.model.report import Report

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SIGNATURE_FILE = "report.sig"
"""The name of the signature beside the report."""

ALGORITHM = "Ed25519"

_MAKE_KEY = "`openssl genpkey -algorithm ed25519 -out FILE` makes one"
_MAKE_PUBLIC_KEY = "`openssl pkey -in PRIVATE-KEY -pubout -out FILE` makes one"
_LARGEST_KEY = 64 * 1024
"""Bytes of a key file: one that is larger is no key."""


class Signature(Record, frozen=True):
    """report.sig: a statement, and the signature of its canonical JSON."""

    statement: Statement
    algorithm: str
    key_id: str
    """SHA-256 (hex) of the public key in DER: `openssl pkey -pubin -outform DER | sha256sum`."""
    signature: str
    """In base64."""


class SigningKey:
    """A private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = _identify(key.public_key())

    def sign(self, data: bytes) -> tuple[str, str]:
        """Sign bytes: the signature in base64, and the key's id. The same bytes, the same one."""
        return base64.b64encode(self._key.sign(data)).decode(), self.key_id

    def sign_statement(self, statement: Statement) -> Signature:
        """Sign a statement, for a file beside the report."""
        signature, key_id = self.sign(encode_canonical(statement))
        return Signature(statement, ALGORITHM, key_id, signature)


class PublicKey:
    """A public key, by which signatures are checked."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.key_id = _identify(key)

    def verifies(self, statement: Statement, signature: str) -> bool:
        """Whether a signature, in base64, is this key's signature of a statement."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(
                base64.b64decode(signature, validate=True), encode_canonical(statement)
            )
        except (InvalidSignature, ValueError):
            return False
        return True


def load_signing_key(path: str) -> SigningKey:
    """Load a private key: a PEM file that is not encrypted. Who may read it is not judged.

    (Kubernetes mounts the keys of Secrets readable for all, and only the container sees them.)

    Raises:
        UsageError: the file cannot be read, is encrypted, or holds no Ed25519 private key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = f"signing key {path}"
    data = _read_key(path, name, _MAKE_KEY)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as error:
        raise UsageError(
            f"{name} is encrypted",
            hint="decrypt it (`openssl pkey -in FILE -out PLAIN`); a job cannot type a password",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{name} holds no private key in PEM", hint=_MAKE_KEY) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{name} is no Ed25519 key", hint=_MAKE_KEY)
    return SigningKey(key)


def load_public_key(path: str) -> PublicKey:
    """Load a public key: a PEM file.

    Raises:
        UsageError: the file cannot be read, or holds no Ed25519 public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    name = f"public key {path}"
    data = _read_key(path, name, _MAKE_PUBLIC_KEY)
    if b"PRIVATE KEY-----" in data:
        raise UsageError(
            f"{name} is a private key",
            hint=f"it is needed to sign alone; to verify: {_MAKE_PUBLIC_KEY}",
        )
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{name} holds no public key in PEM", hint=_MAKE_PUBLIC_KEY) from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{name} is no Ed25519 key", hint=_MAKE_PUBLIC_KEY)
    return PublicKey(key)


def sign_report(key: SigningKey, report: Report) -> bytes | None:
    """The `report.sig` of a report: the signature that the store keeps of its run.

    None where the report bears no evidence: there is nothing to vouch for.
    """
    evidence = report.run.evidence
    if evidence is None:
        return None
    statement = Statement(
        schema=SIGNATURE_SCHEMA,
        cluster=evidence.cluster,
        run=report.run.id,
        sequence=evidence.sequence,
        hash=evidence.hash,
        report=report.digest,
    )
    return encode_signature(key.sign_statement(statement))


def encode_signature(signature: Signature) -> bytes:
    """The bytes of `report.sig`."""
    return msgspec.json.format(msgspec.json.encode(signature), indent=2) + b"\n"


def read_signature(data: bytes) -> Signature | None:
    """Read a `report.sig`; None where the bytes are none that this version can check."""
    try:
        signature = msgspec.json.decode(data, type=Signature)
    except (msgspec.DecodeError, RecursionError):
        return None
    known = signature.statement.schema == SIGNATURE_SCHEMA and signature.algorithm == ALGORITHM
    return signature if known else None


def _read_key(path: str, name: str, hint: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST_KEY + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is malformed"
        raise UsageError(f"{name} cannot be read: {reason}", hint=hint) from error
    if len(data) > _LARGEST_KEY:
        raise UsageError(f"{name} is too large for a key", hint=hint)
    return data


def _identify(key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
