"""Verified TLS, for mail and webhooks alike."""

from __future__ import annotations

import ssl

from auditor.errors import UsageError

HINT_CERTIFICATE = (
    "name the host as its certificate does, and trust its issuer: of a mail server with "
    "delivery.mail.ca_file, of a webhook with the variable SSL_CERT_FILE"
)


def trusting(ca_file: str) -> ssl.SSLContext:
    """Trust the certificates of a file (PEM), else the system's; names are always verified.

    Raises:
        UsageError: the file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # what is no certificate is one, too
        reason = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(
            f"ca_file {ca_file} of delivery.mail cannot be used: {reason}",
            hint="name a file of certificates in PEM",
        ) from error


def explain_certificate(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate is not accepted."""
    return f"its certificate is not accepted: {error.verify_message}"
