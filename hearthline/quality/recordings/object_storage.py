"""An S3-compatible bucket: put, get a range, delete; requests signed by AWS Signature Version 4.

Three requests are all that recordings need, so they are made here on the standard library's HTTP client rather than by an SDK
of fifteen megabytes (ADR 18). Addresses are path-style (endpoint/bucket/key), which every S3-compatible server takes.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from django.conf import settings

from hearthline.lib import clock

TIMEOUT_S = 20.0
PIECE = 64 * 1024
MAX_OBJECT = 512_000_000  # bytes: more than a day of two voices
_MAX_ERROR = 2_000  # bytes of an answer that is quoted
_EMPTY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"


class StorageError(Exception):
    """The storage did not do what was asked; the sentence says what it said."""


class MissingObjectError(StorageError):
    """There is no such object."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`endpoint` is "https://host[:port]"."""

    endpoint: str
    region: str
    name: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Store an object; an object of that key is replaced. StorageError."""
        with self._answer("PUT", key, body=content, headers={"content-type": content_type}):
            return

    @contextmanager
    def open(self, key: str, first: int = 0, last: int | None = None) -> Iterator[Iterator[bytes]]:
        """Pieces of an object, of the bytes `first` to `last` (both included). MissingObjectError, StorageError."""
        wanted = {} if first == 0 and last is None else {"range": f"bytes={first}-{'' if last is None else last}"}
        with self._answer("GET", key, headers=wanted) as answer:
            if wanted and answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise StorageError("the storage serves no ranges")
            yield _pieces(answer)

    def get(self, key: str) -> bytes:
        """A whole object. MissingObjectError, StorageError."""
        with self.open(key) as pieces:
            content = bytearray()
            for piece in pieces:
                content += piece
                if len(content) > MAX_OBJECT:
                    raise StorageError("the object is larger than any recording")
            return bytes(content)

    def delete(self, key: str) -> None:
        """An object that is not there is no error. StorageError."""
        with self._answer("DELETE", key):
            return

    @contextmanager
    def _answer(
        self, method: str, key: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(self.endpoint)
        path = f"{parts.path.rstrip('/')}/{quote(self.name, safe='')}/{quote(key, safe='/-_.~')}"
        signed = sign(self, method, path, body, {"host": parts.netloc, **(headers or {})}, clock.now())
        connection = _connection(parts.scheme, parts.netloc)
        try:
            connection.request(method, path, body=body or None, headers=signed)
            answer = connection.getresponse()
            if answer.status == HTTPStatus.NOT_FOUND and method != "PUT":
                raise MissingObjectError("there is no such object")
            if not 200 <= answer.status < 300:
                said = answer.read(_MAX_ERROR).decode(errors="replace").replace("\n", " ")
                raise StorageError(f"{method} was answered with {answer.status} {answer.reason}: {said}")
            yield answer
        except (OSError, http.client.HTTPException) as error:
            raise StorageError(f"{method} failed: {type(error).__name__}: {error}") from error
        finally:
            connection.close()


def sign(
    bucket: Bucket, method: str, path: str, body: bytes, headers: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """The headers with those that AWS Signature Version 4 adds. `path` is encoded already; `headers` are in small letters and
    contain "host"."""
    moment, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
    digest = hashlib.sha256(body).hexdigest() if body else _EMPTY
    signed = {**headers, "x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (method, path, "", *(f"{name}:{signed[name].strip()}" for name in sorted(signed)), "", names, digest)
    )
    scope = f"{day}/{bucket.region}/s3/aws4_request"
    to_sign = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{bucket.secret_key}".encode()
    for part in (day, bucket.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    said = f"{_ALGORITHM} Credential={bucket.access_key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**signed, "authorization": said}


def configured_bucket() -> Bucket | None:
    """The bucket that recordings go to; None when none is set up."""
    exchange = settings.HEARTHLINE
    if not exchange.s3_endpoint or not exchange.s3_bucket:
        return None
    access, secret = exchange.s3_keys()
    return Bucket(exchange.s3_endpoint, exchange.s3_region, exchange.s3_bucket, access, secret)


def required_bucket() -> Bucket:
    """StorageError when none is set up."""
    bucket = configured_bucket()
    if bucket is None:
        raise StorageError("no bucket is set up: HEARTHLINE_S3_ENDPOINT and HEARTHLINE_S3_BUCKET say where it is")
    return bucket


def try_out(bucket: Bucket) -> None:
    """Write an object, read it back, delete it. Raises StorageError."""
    content, key = secrets.token_bytes(1000), key_of(f"check-{secrets.token_hex(8)}")
    bucket.put(key, content, "application/octet-stream")
    same = bucket.get(key) == content
    bucket.delete(key)
    if not same:
        raise StorageError("it gave back something else than it was given")


def key_of(path: str) -> str:
    """The object's key of a recording's path."""
    return f"{settings.HEARTHLINE.s3_prefix}{path}"


def _connection(scheme: str, host: str) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, timeout=TIMEOUT_S, context=ssl.create_default_context())
    if scheme == "http":
        return http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    raise StorageError("HEARTHLINE_S3_ENDPOINT begins with https:// or http://")


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := answer.read(PIECE):
            yield piece
        if answer.length:  # what the library does not mind
            raise StorageError("the answer ended early")
    except (OSError, http.client.HTTPException) as error:
        raise StorageError(f"the answer ended early: {type(error).__name__}") from error
