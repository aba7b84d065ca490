"""Signatures of runs: keys of openssl's making, and nothing that is altered holds."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auditor.errors import UsageError
from auditor.history.chain import SIGNATURE_SCHEMA, Statement
from auditor.history.signature import (
    Signature,
    SigningKey,
    encode_signature,
    load_public_key,
    load_signing_key,
    read_signature,
)
from auditor.model.canonical import encode_canonical
from tests.history.keys import write_keys

STATEMENT = Statement(
    schema=SIGNATURE_SCHEMA,
    cluster="uid:1",
    run="run-1",
    sequence=3,
    hash="ab" * 32,
    report="cd" * 32,
)


def test_a_signature_is_verified_by_the_public_key(tmp_path: Path) -> None:
    """By that key alone, for that statement alone; key and signature name the same id."""
    private, public = write_keys(tmp_path)
    _, other = write_keys(tmp_path, "other")
    signed = load_signing_key(private).sign_statement(STATEMENT)
    key = load_public_key(public)
    assert key.key_id == signed.key_id != load_public_key(other).key_id
    assert key.verifies(STATEMENT, signed.signature)
    assert not load_public_key(other).verifies(STATEMENT, signed.signature)


@pytest.mark.parametrize("field", [one.name for one in msgspec.structs.fields(Statement)])
def test_no_field_of_a_statement_can_be_altered(tmp_path: Path, field: str) -> None:
    """The signature covers all of it."""
    private, public = write_keys(tmp_path)
    signed = load_signing_key(private).sign_statement(STATEMENT)
    was = getattr(STATEMENT, field)
    altered = msgspec.structs.replace(
        STATEMENT, **{field: was + 1 if isinstance(was, int) else f"{was}0"}
    )
    assert not load_public_key(public).verifies(altered, signed.signature)


@pytest.mark.parametrize("text", ["", "?", "AAAA", base64.b64encode(b"\0" * 64).decode(), "é"])
def test_what_is_no_signature_verifies_nothing(tmp_path: Path, text: str) -> None:
    """No base64, too short, zeroes: each is an answer, not a failure."""
    _, public = write_keys(tmp_path)
    assert not load_public_key(public).verifies(STATEMENT, text)


def test_the_file_holds_the_signature_whole(tmp_path: Path) -> None:
    """What is written is read back, and the file is JSON for people, too."""
    private, _ = write_keys(tmp_path)
    signed = load_signing_key(private).sign_statement(STATEMENT)
    data = encode_signature(signed)
    assert signed == read_signature(data)
    assert data.startswith(b'{\n  "statement": {')
    assert data.endswith(b"}\n")


@pytest.mark.parametrize(
    ("was", "now"),
    [(b"/v1", b"/v2"), (b"Ed25519", b"RSA"), (b'"run"', b'"ran"'), (b"{", b"["), (b"3", b"x")],
)
def test_a_file_of_another_kind_is_no_signature(tmp_path: Path, was: bytes, now: bytes) -> None:
    """Another schema or algorithm, a field that lacks, no JSON: it cannot be checked."""
    private, _ = write_keys(tmp_path)
    data = encode_signature(load_signing_key(private).sign_statement(STATEMENT))
    assert read_signature(data.replace(was, now, 1)) is None
    assert read_signature(b"[" * 100_000) is None


def test_keys_that_cannot_sign_are_refused(tmp_path: Path) -> None:
    """Each for its reason, with what to do."""
    private, public = write_keys(tmp_path)
    encrypted = tmp_path / "encrypted.pem"
    key = Ed25519PrivateKey.generate()
    encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    curve = tmp_path / "ec.pem"
    curve.write_bytes(
        generate_ec_key(SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    large = tmp_path / "large.pem"
    large.write_bytes(b"-" * 70_000)
    refused = {
        str(tmp_path / "none.pem"): "cannot be read: No such file or directory",
        str(tmp_path): "cannot be read: Is a directory",
        "a\0b": "cannot be read: its name is malformed",
        str(encrypted): "is encrypted",
        public: "holds no private key in PEM",
        str(curve): "is no Ed25519 key",
        str(large): "is too large for a key",
    }
    for path, reason in refused.items():
        with pytest.raises(UsageError) as caught:
            load_signing_key(path)
        assert f"signing key {path} {reason}" == caught.value.message
        assert "openssl" in caught.value.hint
    assert load_signing_key(private).key_id


def test_keys_that_cannot_verify_are_refused(tmp_path: Path) -> None:
    """A private key above all: it must not be handed about."""
    private, _ = write_keys(tmp_path)
    curve = tmp_path / "ec.pub"
    curve.write_bytes(
        generate_ec_key(SECP256R1())
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "text").write_bytes(b"no key")
    refused = {
        private: "is a private key",
        str(curve): "is no Ed25519 key",
        str(tmp_path / "text"): "holds no public key in PEM",
        str(tmp_path / "none"): "cannot be read: No such file or directory",
    }
    for path, reason in refused.items():
        with pytest.raises(UsageError) as caught:
            load_public_key(path)
        assert f"public key {path} {reason}" == caught.value.message
        assert "openssl pkey" in caught.value.hint


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_makes_the_keys_and_checks_the_signature(tmp_path: Path) -> None:
    """Whoever distrusts this program can check a signature without it."""

    def openssl(*arguments: str) -> bytes:
        done = subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, capture_output=True, check=True
        )
        return done.stdout

    openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "key.pub")
    signed = load_signing_key(str(tmp_path / "key.pem")).sign_statement(STATEMENT)
    assert load_public_key(str(tmp_path / "key.pub")).verifies(STATEMENT, signed.signature)
    der = openssl("pkey", "-pubin", "-in", "key.pub", "-outform", "DER")
    assert signed.key_id == hashlib.sha256(der).hexdigest()
    (tmp_path / "statement").write_bytes(encode_canonical(STATEMENT))
    (tmp_path / "signature").write_bytes(base64.b64decode(signed.signature))
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-in", "statement")
    assert b"Signature Verified Successfully" in openssl(*verify, "-sigfile", "signature")


def test_signing_twice_gives_the_same_signature() -> None:
    """So that a signature file that was lost can be made again."""
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
    first = key.sign_statement(STATEMENT)
    assert isinstance(first, Signature)
    assert first == key.sign_statement(STATEMENT)
