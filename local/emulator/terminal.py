"""The cloud, as commands in another terminal use it: `aws`, and `sam local invoke`, which needs Docker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.emulator.aws import ACCOUNT, REGION
from local.emulator.cloud import Cloud
from local.emulator.lambda_runtime import BUILD

ENVIRONMENT_FILE = ROOT / ".aws-sam" / "cloud-env.json"
TEMPLATE = BUILD / "cloud.yaml"
SHELL_FILE = ROOT / ".aws-sam" / "cloud.sh"


def say(line: str) -> None:
    with suppress(OSError):  # nobody reads on
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def shell_variables(cloud: Cloud) -> str:
    """Write the variables that a shell needs so that `aws`, and the lines of the documentation, mean this cloud.

    A function, because version 1 of the CLI heeds the option where for SQS it doesn't heed the variable.
    """
    variables = {
        "AWS_ENDPOINT_URL": cloud.aws.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "ACCOUNT": ACCOUNT,
        "PATH": f"{Path(sys.executable).parent}:$PATH",
    }
    lines = [f'export {name}="{value}"' for name, value in variables.items()]
    return "\n".join([*lines, 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }', ""])


def environments(cloud: Cloud) -> dict[str, Mapping[str, str]]:
    """The content of the file for `sam local invoke --env-vars`: each function's variables, by logical id.

    `sam local` runs a function in a container on Docker's bridge, whose gateway is this machine.
    """
    gateway = docker_gateway()
    endpoint = cloud.aws.also_on(gateway) if gateway else cloud.aws.endpoint
    return {
        logical_id: {name: v.replace(cloud.aws.endpoint, endpoint) for name, v in function.environment.items()}
        for logical_id, function in cloud.functions.items()
    }


def write_files(cloud: Cloud) -> None:
    """The environment file, and the built template with the one variable more that leads to this machine.

    `sam local` passes on only variables that the template declares.
    """
    ENVIRONMENT_FILE.write_text(json.dumps(environments(cloud), indent=2))
    template: dict[str, Any] = yaml_parse((BUILD / "template.yaml").read_text())
    for logical_id in cloud.functions:
        variables = template["Resources"][logical_id]["Properties"]["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL"] = ""
    TEMPLATE.write_text(yaml.safe_dump(template, sort_keys=False))


def invoke_command(function: str, event: Path) -> list[str]:
    """`sam local invoke` for one function and one file of events/."""
    return [
        "sam", "local", "invoke", function, "--template", str(TEMPLATE.relative_to(ROOT)),
        "--env-vars", str(ENVIRONMENT_FILE.relative_to(ROOT)), "--event", str(event),
    ]  # fmt: skip


def docker_gateway() -> str | None:
    """This machine's address on Docker's bridge; None where no Docker engine answers. Linux: Docker Desktop differs."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    try:
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    # An engine that does not name the gateway uses the first address of the subnet.
    return found.get("Gateway") or str(next(ip_network(found["Subnet"]).hosts()))
