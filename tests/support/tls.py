"""Certificates of an authority that lives as long as a test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """PEM files: a certificate, its key, and both in one, as Kafka wants them."""

    cert: Path
    key: Path
    both: Path


class Authority:
    """Signs for 127.0.0.1, or for a name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority of a test")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        unsigned = _builder(self._name, self._name, self._key.public_key())
        signed = unsigned.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())
        self.file = folder / "ca.pem"
        self.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def pair(self, name: str, host: str | None = None) -> Pair:
        """A certificate for whoever is called so; of that host, or of 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        known_as = x509.DNSName(host) if host else x509.IPAddress(ip_address("127.0.0.1"))
        here = x509.SubjectAlternativeName([known_as])
        unsigned = _builder(_name(name), self._name, key.public_key())
        signed = unsigned.add_extension(here, critical=False).sign(self._key, hashes.SHA256())
        cert = signed.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        files = Pair(*(self._folder / f"{name}.{what}.pem" for what in ("cert", "key", "both")))
        files.cert.write_bytes(cert)
        files.key.write_bytes(secret)
        files.both.write_bytes(secret + cert)
        return files


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )
