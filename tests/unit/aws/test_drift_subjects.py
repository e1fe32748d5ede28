import pytest

from trimtab.aws import clients
from trimtab.aws.drift_subjects import is_monitored

pytestmark = pytest.mark.usefixtures("aws")


def test_endpoints_that_capture_are_monitored_unless_they_opt_out():
    sagemaker = clients.sagemaker()
    sagemaker.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/r")
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    capturing = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://captures",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    for name, extra in {"on": {"DataCaptureConfig": capturing}, "off": {}}.items():
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **extra)
    opt_out = [{"Key": "trimtab:monitor", "Value": "off"}]
    for name, config, tags in [("churn", "on", []), ("quiet", "on", opt_out), ("blind", "off", [])]:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=tags)
    assert [name for name in ("churn", "quiet", "blind", "gone") if is_monitored(name)] == ["churn"]
