"""The example pipelines do what they say: their commands run as written, in their order, on AWS in memory.

Beside them stand in: `dvc` (its stages' own commands are run), `aws s3 sync` and `pip` (noted only), and the deployed
functions' rollouts. GitHub, GitLab and Docker themselves are not run.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from tests.unit.cli.release_world import World
from trimtab.aws import clients
from trimtab.cli import release
from trimtab.cli.main import main
from trimtab.training.version_record import verify_chain

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "examples"
GITHUB = yaml.safe_load((EXAMPLES / "github-actions" / "model.yml").read_text())
GITLAB = yaml.safe_load((EXAMPLES / "gitlab-ci" / ".gitlab-ci.yml").read_text())
IMAGE = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/churn@sha256:{'a' * 64}"
PIPELINES = ("github", "gitlab")
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def script(pipeline, job):
    """What a job runs, line by line of the file."""
    if pipeline == "gitlab":
        return "\n".join(GITLAB[job]["script"])
    return "\n".join(step["run"] for step in GITHUB["jobs"][job]["steps"] if "run" in step)


def commands(text):
    """The commands of a script, those over several lines joined."""
    return [line.strip() for line in text.replace("\\\n", " ").splitlines()]


@pytest.fixture
def aws(monkeypatch):
    """AWS in memory, for other processes too."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    boto3.client("s3").create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    boto3.client("s3").create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    yield
    server.stop()


@pytest.fixture
def checkout(tmp_path):
    """A copy of the examples, with the commands that pipelines find on their path."""
    folder = tmp_path / "repository"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("__pycache__", "build", "data", "champion"))
    (tmp_path / "bin").mkdir()
    stages = "import subprocess, yaml; from pathlib import Path\n" + (
        "stages = yaml.safe_load(Path('dvc.yaml').read_text())['stages']\n"
        "[subprocess.run(each['cmd'], shell=True, check=True) for each in stages.values()]\n"
        "Path('dvc.lock').write_text('stages: {}')"
    )
    for name, line in {
        "python": f'exec {sys.executable} "$@"',
        "trimtab": f'exec {sys.executable} -m trimtab.cli "$@"',
        "dvc": f"exec {sys.executable} -c {shlex.quote(stages)}",
        "aws": 'echo "$@" >> calls',
        "pip": "",
    }.items():
        command = tmp_path / "bin" / name
        command.write_text(f"#!/bin/sh\n{line}\n")
        command.chmod(0o755)
    return folder


def play(checkout, text):
    """Run a job's script as the runner does."""
    environment = os.environ | {
        "PATH": f"{checkout.parent / 'bin'}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MODELS": "s3://models/churn",
        "STATE_BUCKET": "state",
        "IMAGE": IMAGE,
        "GITHUB_SHA": "8f3e1c0",
        "CI_COMMIT_SHA": "8f3e1c0",
        "GITHUB_OUTPUT": "package.env",
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)


def package_of(checkout):
    return (checkout / "package.env").read_text().strip().partition("=")[2]


def records():
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket="state", Prefix="versions/churn/").get("Contents", [])
    return {
        int(Path(each["Key"]).stem): s3.get_object(Bucket="state", Key=each["Key"])["Body"].read() for each in listed
    }


def test_the_stages_come_in_the_right_order():
    needs = {name: job.get("needs", []) for name, job in GITHUB["jobs"].items()}
    assert needs == {"test": [], "model": "test", "staging": "model", "production": ["model", "staging"]}
    stages = [GITLAB[name]["stage"] for name in ("test", "model", "staging", "integration", "production")]
    assert stages == GITLAB["stages"]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_what_passes_the_gate_is_recorded_and_registered(pipeline, checkout, aws):  # noqa: ARG001 - it is there
    tested = play(checkout, script(pipeline, "test"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    ran = play(checkout, script(pipeline, "model"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "PASSED: churn passes " in ran.stdout
    described = boto3.client("sagemaker").describe_model_package(ModelPackageName=package_of(checkout))
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    container = described["InferenceSpecification"]["Containers"][0]
    assert (container["Image"], container["ModelDataUrl"]) == (IMAGE, "s3://models/churn/8f3e1c0/model.tar.gz")
    boto3.client("s3").head_object(Bucket="models", Key="churn/8f3e1c0/model.tar.gz")
    found = records()
    told = described["CustomerMetadataProperties"]["record_sha256"]
    assert verify_chain("churn", found, {1: told}) == ()
    assert json.loads(found[1])["training_data_version"].startswith("dvc:")
    registers = script(pipeline, "model")
    again = play(checkout, registers[registers.index("package=$(") :])
    assert again.returncode == 0, again.stderr
    assert records() == found
    [verify] = [each for each in commands(script(pipeline, "production")) if each.startswith("trimtab versions")]
    verified = play(checkout, verify)
    assert verified.returncode == 0, verified.stderr
    assert "WHOLE: 1 record of churn" in verified.stdout
    assert "hashes of 1 of them" in verified.stdout
    assert (checkout / "calls").read_text().splitlines()[0] == "s3 sync s3://models/churn/champion/ champion/"


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_what_does_not_pass_the_gate_is_not_registered(pipeline, checkout, aws):  # noqa: ARG001 - it is there
    settings = checkout / "trimtab.yaml"
    settings.write_text(settings.read_text().replace("0.9\n", "0.99\n"))
    ran = play(checkout, script(pipeline, "model"))
    assert ran.returncode == 1
    assert "  accuracy on holdout: accuracy is 0.9" in ran.stdout
    assert records() == {}
    assert not (checkout / "package.env").exists()


def test_a_champion_is_compared_on_the_same_rows(checkout):
    build, champion = checkout / "build", checkout / "champion"
    gate = "trimtab gate build/evaluation.json --settings trimtab.yaml --champion champion/evaluation.json --json"
    assert play(checkout, "dvc repro").returncode == 0
    shutil.copytree(build, champion)
    alone = play(checkout, gate)
    assert alone.returncode == 1
    assert "non_inferiority on holdout: the champion was not" in json.loads(alone.stdout)["reasons"][0]
    ran = play(checkout, f"dvc repro && {gate}")
    verdicts = json.loads(ran.stdout)["gates"]
    assert ran.returncode == 0
    assert {"non_inferiority", "training_rows", "label_rate"} <= {each["gate"] for each in verdicts}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_releases_go_to_staging_at_once_and_to_production_by_the_ladder(pipeline, monkeypatch, capsys):
    clients.client.cache_clear()
    world = World(monkeypatch)
    world.aws.host("churn-staging", "old")
    monkeypatch.setattr(release.time, "sleep", lambda _: world.promote())
    names = {"PACKAGE": world.arns[1], "GITHUB_ACTOR": "anna", "GITLAB_USER_LOGIN": "anna"}
    names |= {"GITHUB_SHA": "8f3e1c0", "CI_COMMIT_SHA": "8f3e1c0"}
    for job in ("staging", "production"):
        [line] = [each for each in commands(script(pipeline, job)) if each.startswith("trimtab release")]
        argv = shlex.split(re.sub(r"\$(\w+)", lambda match: names[match[1]], line))
        assert main(argv[1:]) == 0, capsys.readouterr()
        assert "RELEASED: it serves churn" in capsys.readouterr().out
    staging, production = world.rollouts()
    assert (staging["endpoint"], staging["steps"]) == ("churn-staging", [100])
    assert production["endpoint"] == "churn"
    assert "steps" not in production
    assert (production["by"], world.approval(2)) == ("anna", "Approved")
    clients.client.cache_clear()


def test_the_integration_check_tells_another_model_from_the_right_one(checkout, monkeypatch, capsys):
    assert play(checkout, "dvc repro").returncode == 0
    for pipeline, job in (("github", "staging"), ("gitlab", "integration")):
        [line] = [each for each in commands(script(pipeline, job)) if "check_endpoint" in each]
        assert line == "python -m model.check_endpoint churn-staging build/model.json data/holdout.csv"
    stand_in = (
        "import sys, io, boto3\n"
        "from botocore.exceptions import ClientError\n"
        "from model import check_endpoint, inference, logistic\n"
        "class Runtime:\n"
        "    def invoke_endpoint(self, EndpointName, ContentType, Body):\n"
        "        try:\n"
        "            return {'Body': io.BytesIO(inference.answer(logistic.load(sys.argv[1]), Body))}\n"
        "        except inference.BadRequestError as error:\n"
        "            raise ClientError({'Error': {}, 'OriginalStatusCode': 400}, 'InvokeEndpoint') from error\n"
        "boto3.client = lambda _: Runtime()\n"
        "sys.exit(check_endpoint.main('churn-staging', 'build/model.json', 'data/holdout.csv'))\n"
    )
    (checkout / "check.py").write_text(stand_in)
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    assert play(checkout, "python check.py build/model.json").returncode == 0
    other = json.loads((checkout / "build" / "model.json").read_text())
    other["weights"][0] += 1
    (checkout / "other.json").write_text(json.dumps(other))
    ran = play(checkout, "python check.py other.json")
    assert ran.returncode == 1
    assert "does not answer as build/model.json does" in ran.stderr
    assert capsys.readouterr().out == ""


def test_links_and_files_that_the_examples_name_are_there():
    page = (EXAMPLES / "README.md").read_text()
    assert [link for link in re.findall(r"\]\((?!https?:)([^)#]+)", page) if not (EXAMPLES / link).exists()] == []
    copied = re.findall(r"^COPY (.+) \S+$", (EXAMPLES / "serving" / "Dockerfile").read_text(), re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (EXAMPLES / name).exists()] == []
    stages = yaml.safe_load((EXAMPLES / "dvc.yaml").read_text())["stages"]
    made = {each for stage in stages.values() for each in stage.get("outs", [])}
    needed = {each for stage in stages.values() for each in stage.get("deps", [])} - made
    assert [each for each in sorted(needed) if not (EXAMPLES / each).exists()] == []
