"""`make import-template`: the parts of the templates that outlive a stack, to take them over into a new stack.

CloudFormation imports resources only by a change set that creates nothing, and one that runs no transform needs no more
rights. So each part is what is kept, with the parameters and conditions that it refers to, and nothing else. Beside it
stands the list of what is imported: an import that makes a stack has to name each resource of its template.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html

Nothing can be imported into a nested stack. Hence an application's part becomes a stack by itself, which one more import
nests in the root.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-nested-stacks.html
"""

import argparse
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local import ROOT
from local.emulator.template import load

TEMPLATE = ROOT / "template.yaml"
PART, LIST, NESTING = "import.json", "import-resources.json", "import-nesting.json"
# By which property CloudFormation finds a resource that is there already: primaryIdentifier in the schema of its type.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
IDENTIFIERS = {"AWS::Glue::Database": "DatabaseName", "AWS::KMS::Key": "KeyId", "AWS::S3::Bucket": "BucketName"}


def read(path: Path = TEMPLATE) -> dict[str, Any]:
    return dict(yaml_parse(path.read_text()))


def kept(template: dict[str, Any]) -> dict[str, Any]:
    """Everything that is retained, whatever becomes of the stack."""
    resources = {
        name: r for name, r in template["Resources"].items() if str(r.get("DeletionPolicy", "")).startswith("Retain")
    }
    conditions = _named(template.get("Conditions", {}), resources)
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Description": template["Description"],
        "Parameters": _named(template["Parameters"], [resources, conditions]),
        "Conditions": conditions,
        "Resources": resources,
    }


def kept_by_applications(optional: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """The part of each nested application that retains something, by the application's logical id.

    Those that not every stack has are there if they are named.
    """
    applications = {
        name: kept(read(TEMPLATE.parent / resource["Properties"]["Location"]))
        for name, resource in read()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Application" and ("Condition" not in resource or name in optional)
    }
    return {name: part for name, part in applications.items() if part["Resources"]}


def nesting(optional: Collection[str] = ()) -> dict[str, Any]:
    """The root's part with the applications' stacks in it. Where their templates are is a parameter of each."""
    template, applications = read(), kept_by_applications(optional)
    part = kept(template)
    for name, inner in applications.items():
        given = template["Resources"][name]["Properties"]["Parameters"]
        part["Parameters"][f"{name}TemplateUrl"] = {"Type": "String"}
        part["Resources"][name] = {
            "Type": "AWS::CloudFormation::Stack",
            "DeletionPolicy": "Retain",  # an import demands it; the next deployment takes it away
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "TemplateURL": {"Ref": f"{name}TemplateUrl"},
                "Parameters": {parameter: given[parameter] for parameter in inner["Parameters"]},
            },
        }
    return part


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
    """The list for `--resources-to-import`, of each resource in `part`. `key` is the ARN of the KMS key."""
    known = {"Prefix": prefix, "KeyArn": key, "Environment": "pre-production"}  # the last decides no name
    asked = json.loads(part.read_text())["Parameters"]
    given = {"KeyId": key.rsplit("/", 1)[-1]}
    return [
        {
            "ResourceType": resource.type,
            "LogicalResourceId": name,
            "ResourceIdentifier": {identifier: given.get(identifier) or resource.properties[identifier]},
        }
        for name, resource in load(part, {name: known[name] for name in asked if name in known}).resources.items()
        for identifier in [IDENTIFIERS[resource.type]]
    ]


def of_application(name: str, file: str) -> str:
    """`import.json` is `import-lake.json` for the application Lake."""
    return file.replace("import", f"import-{name.lower()}", 1)


def main(arguments: list[str] | None = None) -> None:
    """Writes a part and a list for each stack into the current directory, and the part that nests them."""
    parser = argparse.ArgumentParser(prog="make import-template", description=__doc__)
    parser.add_argument("prefix", help="Prefix of the stack that is gone")
    parser.add_argument("key", help="Output KeyArn of the stack that is gone")
    parser.add_argument("--cubic", dest="optional", action="append_const", const="Cubic", help="it ingested Cubic")
    parser.add_argument(
        "--data-commons", dest="optional", action="append_const", const="DataCommons", help="it ingested the data commons"
    )
    options = parser.parse_args(arguments)
    optional = options.optional or []
    applications = kept_by_applications(optional)
    parts = {PART: kept(read()), NESTING: nesting(optional)}
    parts |= {of_application(name, PART): part for name, part in applications.items()}
    for file, part in parts.items():
        Path(file).write_text(json.dumps(part, indent=2) + "\n")
        if file != NESTING:
            resources = to_import(Path(file), options.prefix, options.key)
            Path(file.replace(".json", "-resources.json")).write_text(json.dumps(resources, indent=2) + "\n")


if __name__ == "__main__":
    main()
