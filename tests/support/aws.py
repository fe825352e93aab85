"""Amazon's services, acted by moto in a process of its own: it keeps all that it is given."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

REGION = "eu-west-1"

_SERVE = """
import sys
from moto.server import ThreadedMotoServer
from support.glue import strict
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
with strict():
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()
    server.stop()
"""


@dataclass(frozen=True)
class Aws:
    """A server, and how it is reached."""

    endpoint: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which all libraries find it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "not-so-secret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def s3(self) -> Any:
        """A client of the buckets, which shares no code with what is tested."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="not-so-secret",
        )

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"lake-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def empty(self, bucket: str) -> None:
        """Remove all that is in a bucket."""
        keys = self.keys(bucket)
        for start in range(0, len(keys), 1000):
            some = [{"Key": key} for key in keys[start : start + 1000]]
            self.s3.delete_objects(Bucket=bucket, Delete={"Objects": some})

    def put(self, address: str, content: bytes) -> None:
        """Put a file."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=key, Body=content)

    def keys(self, bucket: str) -> list[str]:
        """What is in a bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]


@contextmanager
def served() -> Iterator[Aws]:
    """A server of its own, with nothing in it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield Aws(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)
