"""Certificates of the local database servers, which a certificate authority of the emulator's own signs."""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from database_processes import give

VALIDITY = datetime.timedelta(days=365)


@dataclass(frozen=True)
class Certificates:
    """The files that a server starts with."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, authority: Path) -> Certificates:
        """Makes an authority, whose certificate alone is kept, and the servers' key and certificate."""
        authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = authority_certificate(authority_key)
        files = cls(folder / "server.pem", folder / "server.key")

        files.certificate.write_bytes(pem(server_certificate(key, root, authority_key)))
        files.key.touch(mode=0o600)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        for file in (files.certificate, files.key):
            give(file)

        # Complete for whoever reads it.
        authority.parent.mkdir(parents=True, exist_ok=True)
        draft = authority.with_suffix(".draft")
        draft.write_bytes(pem(root))
        os.replace(draft, authority)
        return files


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def unsigned(subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def authority_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    text = "Local AWS databases"
    builder = unsigned(text, name(text), key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())


def server_certificate(
    key: ec.EllipticCurvePrivateKey, root: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """A certificate for the addresses that a client on this machine connects to."""
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = unsigned("localhost", root.subject, key.public_key())
    for extension, critical in (
        (x509.SubjectAlternativeName(names), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(authority_key, hashes.SHA256())
