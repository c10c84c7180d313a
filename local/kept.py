"""`make import-template`: the part of template.yaml that outlives a stack, as JSON, to take it over into a new stack.

CloudFormation imports resources only by a change set that creates nothing, and one that runs no transform needs no more
rights; so this is what is kept, with the parameters and conditions that it refers to, and nothing else.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
"""

import json
import sys
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parent.parent / "template.yaml"


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
    text = json.dumps(within)
    return {name: it for name, it in section.items() if f'"{name}"' in text or f"${{{name}}}" in text}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(kept(yaml_parse(TEMPLATE.read_text())), indent=2) + "\n")
