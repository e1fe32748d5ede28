"""S3 prefixes, and what boto3's errors become."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.sagemaker.object_store import S3Store, StoreError, objects_below

type World = Any


def test_a_prefix_means_what_begins_with_it(world: World) -> None:
    for key in ("part/a.csv", "part/deep/b.csv", "part2/c.csv", "one.csv"):
        world.objects.write("data", key, key.encode())
    assert objects_below(world.objects, "s3://data/part/") == {"a.csv": b"part/a.csv", "deep/b.csv": b"part/deep/b.csv"}
    assert set(objects_below(world.objects, "s3://data/part")) == {"a.csv", "deep/b.csv", "2/c.csv"}
    assert objects_below(world.objects, "s3://data/one.csv") == {"one.csv": b"one.csv"}


@mock_aws
def test_s3_is_a_store() -> None:
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    s3.create_bucket(Bucket="data")
    store = S3Store(s3)
    store.write("data", "a/b", b"1")
    assert (store.keys("data", "a/"), store.read("data", "a/b")) == (["a/b"], b"1")
    store.delete("data", "a/b")
    with pytest.raises(StoreError, match="NoSuchKey"):
        store.read("data", "a/b")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        store.keys("none", "")
