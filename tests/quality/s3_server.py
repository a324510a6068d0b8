"""An S3 server over HTTP that checks signatures: moto's, a process of its own, which can be ended and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3

from tests.testbed.programs import free_port

REGION = "eu-central-1"
ACCOUNT = {"region_name": REGION, "aws_access_key_id": "setting-up", "aws_secret_access_key": "setting-up"}
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
UNCHECKED = 4  # requests that set up the user, the key and the bucket


@dataclass
class S3Server:
    port: int
    bucket: str = "recordings-of-calls"
    access_key: str = ""
    secret_key: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """With a user who may use the bucket; everything after that must be signed by that user."""
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(UNCHECKED), "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._wait()
        iam = boto3.client("iam", endpoint_url=self.endpoint, **ACCOUNT)
        iam.create_user(UserName="exchange")
        iam.put_user_policy(UserName="exchange", PolicyName="bucket", PolicyDocument=POLICY)
        key = iam.create_access_key(UserName="exchange")["AccessKey"]
        self.access_key, self.secret_key = key["AccessKeyId"], key["SecretAccessKey"]
        place = {"LocationConstraint": REGION}
        boto3.client("s3", endpoint_url=self.endpoint, **ACCOUNT).create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration=place
        )

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "moto's server ended at its start"
            try:
                with urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("moto's server did not answer within a minute")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def seen_by_the_sdk(self) -> Any:
        """The bucket as Amazon's own client sees it."""
        keys = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret_key}
        return boto3.resource("s3", endpoint_url=self.endpoint, region_name=REGION, **keys).Bucket(self.bucket)


@contextmanager
def running() -> Iterator[S3Server]:
    server = S3Server(free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()
