"""TLS as this gateway speaks it: at the traffic port with a certificate that may change while it runs, and to
upstreams. Every refusal is one sentence. Knows no request.

A certificate is tried in a context of its own before it goes into the one that is in use: half a pair, a file
that is just being written or a wrong key changes nothing.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Final

from gateway.config import Listen, Upstream
from gateway.wire import SealingContext, Sweeper, Tls

__all__ = ["CertificateWatch", "TlsError", "listen_context", "upstream_tls"]

_LOG = logging.getLogger("banyan.tls")
_LOOK_EVERY: Final = 1.0
_OLDEST: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_WORDS: Final = {
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
    "NO_START_LINE": "there is no certificate or no key in it",
    "PEM lib": "it is not PEM, or not whole",
    "NO_CERTIFICATE_OR_CRL_FOUND": "there is no certificate in it",
}

Stamp = tuple[tuple[int, int, int], ...]


class TlsError(Exception):
    """Why TLS cannot be spoken; one sentence."""


def listen_context(listen: Listen) -> ssl.SSLContext | None:
    """What connections at the traffic port are wrapped with; None when TLS is not spoken there.

    Raises:
        TlsError: the certificate or its key cannot be used.
    """
    if not listen.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _OLDEST[listen.tls_minimum]
    context.set_alpn_protocols(["http/1.1"])
    _load(context, listen)
    return context


def upstream_tls(upstream: Upstream, key: str) -> Tls | None:
    """How connections to an upstream are wrapped; None for plain ones. `key`: the configuration key to name.

    Raises:
        TlsError: the authorities cannot be read.
    """
    if not upstream.tls:
        return None
    context = SealingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # An end without a farewell is no end: it could be anybody's (RFC 8446 section 6.1).
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if not upstream.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif upstream.ca_file:
        try:
            context.load_verify_locations(upstream.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(
                f"The authorities {upstream.ca_file} ({key}.ca_file) cannot be used: {_why(error)}."
            ) from error
    else:
        context.load_default_certs()
    return Tls(context, upstream.server_name or upstream.host)


class CertificateWatch:
    """Looks every second whether the files of a context have changed, and takes them over; what cannot be
    used is logged once and changes nothing. `deadline` and `expired` are for the sweeper."""

    def __init__(self, context: ssl.SSLContext, listen: Listen, sweeper: Sweeper) -> None:
        self._context = context
        self._listen = listen
        self._sweeper = sweeper
        self._seen = _stamp(listen)
        self.deadline = sweeper.now + _LOOK_EVERY
        sweeper.members.add(self)

    def expired(self) -> None:
        """Look."""
        self.deadline = self._sweeper.now + _LOOK_EVERY
        stamp = _stamp(self._listen)
        if stamp != self._seen:
            self._seen = stamp
            self._take_over()

    def _take_over(self) -> None:
        try:
            _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self._listen)
            _load(self._context, self._listen)
        except TlsError as error:
            _LOG.error("the certificate of before stays in use: %s", error)
        else:
            _LOG.info("the certificate %s is in use", self._listen.tls_certificate)


def _load(context: ssl.SSLContext, listen: Listen) -> None:
    certificate, key = listen.tls_certificate, listen.tls_key or listen.tls_certificate
    for path, name in ((certificate, "tls_certificate"), (key, "tls_key")):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise TlsError(f"The file {path} (listen.{name}) cannot be read: {error.strerror}.") from error
    try:
        context.load_cert_chain(certificate, key, _no_password)
    except (OSError, ssl.SSLError) as error:
        pair = f"{certificate} (listen.tls_certificate) with the key {key}"
        raise TlsError(f"The certificate {pair} cannot be used: {_why(error)}.") from error


def _no_password() -> str:
    raise TlsError("The key of the traffic port (listen.tls_key) has a password; it must have none.")


def _why(error: OSError) -> str:
    said = getattr(error, "reason", "") or error.strerror or str(error)
    return next((words for word, words in _WORDS.items() if word in said), said.replace("_", " ").lower())


def _stamp(listen: Listen) -> Stamp:
    """What tells one state of the files from another: a rename changes the inode, writing the time and the
    size."""
    found = []
    for path in (listen.tls_certificate, listen.tls_key or listen.tls_certificate):
        try:
            known = Path(path).stat()
        except OSError:
            found.append((0, 0, 0))
        else:
            found.append((known.st_ino, known.st_size, known.st_mtime_ns))
    return tuple(found)
