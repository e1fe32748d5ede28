"""`python -m model.check_endpoint ENDPOINT MODEL.json ROWS.csv`: whether an endpoint answers as this model does."""

import sys

import boto3
import numpy as np
from botocore.exceptions import ClientError

from model.data import read_rows
from model.logistic import load, predict

ROWS = 50


def ask(runtime, endpoint, body):
    """The endpoint's answer as numbers."""
    answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=body)
    return np.array([float(line) for line in answer["Body"].read().split()])


def main(endpoint, model_path, rows_path):
    """0 when it does."""
    runtime = boto3.client("sagemaker-runtime")
    inputs = read_rows(rows_path)[0][:ROWS]
    body = "\n".join(",".join(map(str, row)) for row in inputs).encode()
    expected, given = predict(load(model_path), inputs), ask(runtime, endpoint, body)
    if given.shape != expected.shape or not np.allclose(given, expected, atol=1e-4):
        sys.stderr.write(f"{endpoint} does not answer as {model_path} does\n")
        return 1
    try:
        ask(runtime, endpoint, b"no numbers")
    except ClientError as error:
        if error.response.get("OriginalStatusCode") == 400:
            sys.stdout.write(f"{endpoint} answers {len(given)} rows as {model_path} does, and refuses nonsense\n")
            return 0
    sys.stderr.write(f"{endpoint} does not refuse nonsense with status 400\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
