"""The cloud, as commands in another terminal use it: `aws`, and `sam local invoke`, which needs Docker."""

from __future__ import annotations

import json
import shutil
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
from local.emulator.functions import Function
from local.emulator.lambda_runtime import BUILD

ENVIRONMENT_FILE = ROOT / ".aws-sam" / "cloud-env.json"
TEMPLATE = BUILD / "cloud.yaml"
AUTHORITY = "local-authority.pem"
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
    endpoint = cloud.aws.also_on(cloud.also_on) if cloud.also_on else cloud.aws.endpoint
    found: dict[str, Mapping[str, str]] = {}
    for logical_id, function in cloud.functions.items():
        variables = {name: v.replace(cloud.aws.endpoint, endpoint) for name, v in function.environment.items()}
        if "DB_HOST" in variables:
            variables |= {"DB_HOST": cloud.also_on or variables["DB_HOST"], "DB_CA_BUNDLE": f"/var/task/{AUTHORITY}"}
        found[logical_id] = variables
    return found


def write_files(cloud: Cloud) -> None:
    """The environment file, the built templates with the one variable more that leads to this machine, and, beside the code
    of Cubic's functions, the authority that has signed the local database's certificate.

    `sam local` passes on only variables that the template declares, and looks for its configuration beside the template.
    """
    ENVIRONMENT_FILE.write_text(json.dumps(environments(cloud), indent=2))
    _write_template(BUILD)
    shutil.copy(ROOT / "samconfig.toml", BUILD)
    for function in cloud.functions.values():
        if cloud.postgres and "DB_CA_BUNDLE" in function.environment:
            shutil.copy(cloud.postgres.ca_bundle, BUILD / function.resource.path / AUTHORITY)


def _write_template(folder: Path) -> None:
    template: dict[str, Any] = yaml_parse((folder / "template.yaml").read_text())
    for resource in template["Resources"].values():
        match resource:
            case {"Type": "AWS::Serverless::Function", "Properties": properties}:
                properties["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = ""
            case {"Type": "AWS::Serverless::Application", "Properties": properties}:
                properties["Location"] = str(Path(properties["Location"]).with_name(TEMPLATE.name))
                _write_template(folder / Path(properties["Location"]).parent)
    (folder / TEMPLATE.name).write_text(yaml.safe_dump(template, sort_keys=False))


def events_of(function: Function) -> Path:
    """The folder of the events of a function: its module's name, with that of its source where it has one."""
    match function.handler.split("."):
        case ["cubic", _, module, _]:
            return Path("events", f"cubic_{module}")
        case [module, *_]:
            return Path("events", module)
    raise ValueError(f"no handler: {function.handler}")


def invoke_command(function: str, event: Path) -> list[str]:
    """`sam local invoke` for one function, by its path, and one file of events/."""
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
