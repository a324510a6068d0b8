"""The S3 client: signatures of AWS Signature Version 4, ranges, what is missing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hearthline.quality.recordings.object_storage import Bucket, MissingObjectError, StorageError, required_bucket, sign
from tests.quality.s3_server import S3Server


def test_the_signature_is_the_one_of_amazons_own_example() -> None:
    """Amazon S3 API reference, "Authenticating requests: using the Authorization header", GET Object."""
    bucket = Bucket(
        "https://examplebucket.s3.amazonaws.com", "us-east-1", "", "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )  # fmt: skip
    headers = {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"}
    signed = sign(bucket, "GET", "/test.txt", b"", headers, datetime(2013, 5, 24, tzinfo=UTC))
    assert signed["authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    assert "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date" in signed["authorization"]


def test_objects_come_and_go(s3: S3Server) -> None:
    bucket = required_bucket()
    key, content = "recordings/2026/an odd+name~ü.opus", bytes(range(256)) * 700
    with pytest.raises(MissingObjectError):
        bucket.get(key)
    bucket.put(key, content, "audio/ogg")
    assert bucket.get(key) == content
    with bucket.open(key, 1000, 1999) as pieces:
        assert b"".join(pieces) == content[1000:2000]
    assert [one.key for one in s3.seen_by_the_sdk().objects.all()] == [key]
    bucket.delete(key)
    bucket.delete(key)  # twice is no error
    with pytest.raises(MissingObjectError):
        bucket.get(key)


def test_a_server_that_breaks_off_is_a_failure_in_words() -> None:
    class BreaksOff(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), BreaksOff) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bucket = Bucket(f"http://127.0.0.1:{server.server_port}", "r", "b", "k", "s")
        with pytest.raises(StorageError):
            bucket.get("x")
        with pytest.raises(StorageError):  # it sends the whole where a part was asked for
            bucket.open("x", 1, 2).__enter__()
        server.shutdown()
