import json
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from local.player import main

TRUST = "arn:aws:iam::123456789012:role/r"


def test_replay_writes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", "--endpoint", "loans", "--rows", "100", "--from", "2026-01-01", "--days", "1", "--out"]
    assert main([*arguments, str(tmp_path), "--fault", "nulls:car_value:50:1", "--fault", "duplicated:0.5"]) == 0
    files = sorted(tmp_path.rglob("*.jsonl"))
    assert len(files) == 100
    assert files[0].relative_to(tmp_path).parts[:5] == ("loans", "AllTraffic", "2026", "01", "01")
    data = [json.loads(path.read_text())["captureData"]["endpointInput"]["data"] for path in files]
    assert [text.startswith(",") for text in data] == [False] * 50 + [True] * 50
    assert "files to" in capsys.readouterr().out


@mock_aws
def test_replay_goes_where_the_endpoint_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket="captures")
    sagemaker.create_model(ModelName="m", PrimaryContainer={"Image": "i"}, ExecutionRoleArn=TRUST)
    sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {"VariantName": "blue", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://captures/here",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
    sagemaker.create_endpoint(EndpointName="loans", EndpointConfigName="c")
    assert main(["replay", "--endpoint", "loans", "--rows", "5"]) == 0
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="captures")["Contents"]]
    assert len(keys) == 5
    assert all(key.startswith("here/loans/blue/2018/10/30/18/") for key in keys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "absent.csv"], "absent.csv: no such file"),
        (["--fault", "nulls:absent:0:1"], "no column 'absent'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["replay", "--endpoint", "e", "--out", str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["live", "--endpoint", "e", "--rate", "0"], "'0' is not a positive number"),
        (["live", "--endpoint", "e", "--rows", "x"], "'x' is not a positive whole number"),
        (["replay", "--endpoint", "e", "--from", "soon"], "'soon' is no ISO 8601 time"),
        (["replay", "--endpoint", "e", "--fault", "swap:a:0:1"], "is no fault"),
    ],
)
def test_a_bad_argument_is_refused_with_the_reason(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err
