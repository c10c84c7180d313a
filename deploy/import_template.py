"""`make import-template`: the part of template.yaml that outlives a stack, to take it over into a new stack.

CloudFormation imports resources only by a change set that creates nothing, and one that runs no transform needs no more
rights; so this is what is kept, with the parameters and conditions that it refers to, and nothing else. Beside it stands the
list of what is imported: an import that makes a stack has to name each resource of its template.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.emulator.template import load

TEMPLATE = ROOT / "template.yaml"
PART, LIST = "import.json", "import-resources.json"
# By which property CloudFormation finds a resource that is there already: primaryIdentifier in the schema of its type.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
IDENTIFIERS = {"AWS::Glue::Database": "DatabaseName", "AWS::KMS::Key": "KeyId", "AWS::S3::Bucket": "BucketName"}


def kept(template: dict[str, Any]) -> dict[str, Any]:
    """Everything that is retained, whatever becomes of the stack."""
    resources = {
        name: r for name, r in template["Resources"].items() if str(r.get("DeletionPolicy", "")).startswith("Retain")
    }
    conditions = _named(template["Conditions"], resources)
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Description": template["Description"],
        "Parameters": _named(template["Parameters"], [resources, conditions]),
        "Conditions": conditions,
        "Resources": resources,
    }


def _named(section: dict[str, Any], within: Any) -> dict[str, Any]:
    """Those that are named, as a whole string or within `${}`."""
    said = set(_strings(within))
    return {name: it for name, it in section.items() if name in said or any(f"${{{name}}}" in text for text in said)}


def _strings(value: Any) -> Iterator[str]:
    """All strings but keys."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(item)


def to_import(part: Path, prefix: str, key: str) -> list[dict[str, Any]]:
    """The list for `--resources-to-import`, of each resource in `part`. `key` is the id of the KMS key, or its ARN."""
    environment = {"Environment": "pre-production"}  # decides no name
    given = {"KeyId": key.rsplit("/", 1)[-1]}
    return [
        {
            "ResourceType": resource.type,
            "LogicalResourceId": name,
            "ResourceIdentifier": {identifier: given.get(identifier) or resource.properties[identifier]},
        }
        for name, resource in load(part, {"Prefix": prefix} | environment).resources.items()
        for identifier in [IDENTIFIERS[resource.type]]
    ]


def main(arguments: list[str] | None = None) -> None:
    """Writes both files into the current directory."""
    parser = argparse.ArgumentParser(prog="make import-template", description=__doc__)
    parser.add_argument("prefix", help="Prefix of the stack that is gone")
    parser.add_argument("key", help="Output KeyArn of the stack that is gone")
    options = parser.parse_args(arguments)
    part = Path(PART)
    part.write_text(json.dumps(kept(yaml_parse(TEMPLATE.read_text())), indent=2) + "\n")
    Path(LIST).write_text(json.dumps(to_import(part, options.prefix, options.key), indent=2) + "\n")


if __name__ == "__main__":
    main()
