"""Deploys the template into an emulator, like `sam deploy`.

    python deploy.py ENDPOINT < request.json > reply.json

The request: `template` (path), `stack` (name), `parameters` (name to value), and `packages`: a folder for each
function's logical id, whose contents become its package. The reply: `status`, `outputs` (name to value),
`resources` (logical id to type, status and physical id), `environments` (what each function's alias `live` runs with)
and `reason`, why it failed, or null. A stack of that name is updated.
"""

import io
import json
import pathlib
import sys
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

BUCKET = "packages"
WHOLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
# Polling interval of the stack.
LOOK_SECONDS = 0.2
# Maximum number of polls, half an hour in total. Ends a hanging test and decides nothing else.
HANG_GUARD_LOOKS = 9_000
# Maximum length of an error, which may quote the template.
MESSAGE_CHARS_MAX = 1_000


def client(endpoint: str, service: str):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
    )


def beyond_the_emulator(resource: dict) -> bool:
    """True for saved queries and alarms with a formula, which ministack rejects. Nothing refers to them."""
    return resource["Type"] == "AWS::Athena::NamedQuery" or (
        resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    )


def package(folder: pathlib.Path) -> bytes:
    """The folder as a zip, with the permissions that a bootstrap needs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(str(file.relative_to(folder)))
            info.external_attr = 0o755 << 16
            archive.writestr(info, file.read_bytes())
    return buffer.getvalue()


def packaged(endpoint: str, request: dict) -> str:
    """Uploads each function's folder and the template that names the uploads. Returns the template's address, because the
    template is too large for a call."""
    with open(request["template"], encoding="utf-8") as file:
        template = yaml_parse(file.read())
    template["Resources"] = {
        name: resource for name, resource in template["Resources"].items() if not beyond_the_emulator(resource)
    }
    s3 = client(endpoint, "s3")
    s3.create_bucket(Bucket=BUCKET)
    for function, folder in request["packages"].items():
        key = f"{request['stack']}/{function}.zip"
        s3.put_object(Bucket=BUCKET, Key=key, Body=package(pathlib.Path(folder)))
        template["Resources"][function]["Properties"]["CodeUri"] = f"s3://{BUCKET}/{key}"
    body, key = json.dumps(template), f"{request['stack']}/template.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    return f"{endpoint}/{BUCKET}/{key}"


def apply(cloudformation, request: dict, address: str) -> None:
    arguments = {
        "StackName": request["stack"],
        "TemplateURL": address,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in request["parameters"].items()
        ],
    }
    try:
        cloudformation.create_stack(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AlreadyExistsException":
            raise
        cloudformation.update_stack(**arguments)


def finished(cloudformation, name: str) -> dict:
    for _ in range(HANG_GUARD_LOOKS):
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"the stack {name} is not finished after {HANG_GUARD_LOOKS * LOOK_SECONDS:.0f} s")


def environment(endpoint: str, function: str) -> dict:
    """The environment of the function when it is invoked by its alias."""
    configuration = client(endpoint, "lambda").get_function_configuration(FunctionName=function, Qualifier="live")
    return configuration["Environment"]["Variables"]


def main() -> None:
    endpoint, request = sys.argv[1], json.load(sys.stdin)
    cloudformation = client(endpoint, "cloudformation")
    try:
        apply(cloudformation, request, packaged(endpoint, request))
    except ClientError as error:
        raise SystemExit(str(error)[:MESSAGE_CHARS_MAX])
    stack = finished(cloudformation, request["stack"])
    resources = cloudformation.describe_stack_resources(StackName=request["stack"])["StackResources"]
    reply = {
        "status": stack["StackStatus"],
        "reason": stack.get("StackStatusReason"),
        "outputs": {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        "resources": {
            resource["LogicalResourceId"]: {
                "type": resource["ResourceType"],
                "status": resource["ResourceStatus"],
                "id": resource.get("PhysicalResourceId", ""),
                "reason": resource.get("ResourceStatusReason"),
            }
            for resource in resources
        },
        "environments": {
            resource["LogicalResourceId"]: environment(endpoint, resource["PhysicalResourceId"])
            for resource in resources
            if resource["ResourceType"] == "AWS::Lambda::Function" and stack["StackStatus"] in WHOLE
        },
    }
    json.dump(reply, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
