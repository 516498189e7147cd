"""Signed calls of a test to an emulator that enforces signatures.

    python services.py ENDPOINT secret NAME < VALUE
    python services.py ENDPOINT lines BUCKET PREFIX

The first stores a secret. The second prints every line of every object below a prefix, unpacked.
"""

import gzip
import sys

import boto3
from botocore.config import Config


def client(endpoint: str, service: str):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
    )


def lines(s3, bucket: str, prefix: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            if body[:2] == b"\x1f\x8b":
                body = gzip.decompress(body)
            if not body.endswith(b"\n"):
                raise SystemExit(f"{entry['Key']} ends in the middle of a line")
            sys.stdout.buffer.write(body)


def main() -> None:
    endpoint, what, *rest = sys.argv[1:]
    if what == "secret":
        manager = client(endpoint, "secretsmanager")
        manager.create_secret(Name=rest[0], SecretString=sys.stdin.read())
    else:
        lines(client(endpoint, "s3"), *rest)


if __name__ == "__main__":
    main()
