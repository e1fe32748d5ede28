import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from trimtab.aws import clients
from trimtab.aws.parameter_store import parameters_below, read_parameter

pytestmark = pytest.mark.usefixtures("aws")


@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_a_parameter_is_read_in_the_clear(kind):
    clients.ssm().put_parameter(Name="/trimtab/endpoints/churn", Type=kind, Value="ignore: [id]")
    assert read_parameter("/trimtab/endpoints/churn") == "ignore: [id]"


def test_no_parameter_is_none():
    assert read_parameter("/trimtab/endpoints/none") is None


def test_a_parameter_that_must_not_be_read_is_an_error():
    with Stubber(clients.ssm()) as stub:
        stub.add_client_error("get_parameter", "AccessDeniedException", http_status_code=400)
        with pytest.raises(ClientError, match="AccessDenied"):
            read_parameter("/trimtab/endpoints/churn")


def test_all_parameters_directly_below_a_path_are_told():
    for number in range(12):  # more than one answer holds
        clients.ssm().put_parameter(Name=f"/trimtab/endpoints/e{number}", Type="SecureString", Value=str(number))
    for other in ("/trimtab/prices", "/trimtab/endpoints/e1/old", "/trimtab-2/endpoints/x"):
        clients.ssm().put_parameter(Name=other, Type="String", Value="-")
    assert dict(parameters_below("/trimtab/endpoints")) == {f"/trimtab/endpoints/e{n}": str(n) for n in range(12)}
