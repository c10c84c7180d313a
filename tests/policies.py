"""Reads IAM policies as the template has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from local.emulator.template import Resource, Template


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(document: dict[str, Any], effect: str = "Allow") -> Iterator[dict[str, Any]]:
    for statement in document["Statement"]:
        if statement["Effect"] == effect:
            yield statement | {"Action": as_list(statement["Action"]), "Resource": as_list(statement.get("Resource", []))}


def role_statements(role: Resource) -> list[dict[str, Any]]:
    return [s for policy in role.properties.get("Policies", []) for s in statements(policy["PolicyDocument"])]


def roles(template: Template) -> list[Resource]:
    """The roles, each with the policies that are attached to it by resources of their own."""
    attached = template.of_type("AWS::IAM::RolePolicy")

    def whole(role: Resource) -> Resource:
        more = [policy.properties for policy in attached if policy.properties["RoleName"] == role.ref]
        return replace(role, properties=role.properties | {"Policies": [*role.properties.get("Policies", []), *more]})

    return [whole(role) for role in template.of_type("AWS::IAM::Role")]


def grants(role: Resource) -> set[tuple[str, str]]:
    """Every action with every resource that a statement of the role allows it on; both may hold wildcards."""
    return {(action, arn) for s in role_statements(role) for action in s["Action"] for arn in s["Resource"]}


def covers(grant: tuple[str, str], action: str, arn: str) -> bool:
    return fnmatchcase(action, grant[0]) and fnmatchcase(arn, grant[1])


def loader_of(template: Template) -> dict[str, Any]:
    """The task's container that loads dumps."""
    [container] = [
        c for c in template.resources["DumpLoaderTaskDefinition"].properties["ContainerDefinitions"] if c["Essential"]
    ]
    return container
