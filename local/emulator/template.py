"""Reads template.yaml as CloudFormation would: translated from SAM, every parameter, condition and intrinsic resolved.

A nested application is read with the parameters that it is given, and its resources stand beside those of the template.

What AWS gives a resource when it makes it (ARNs, ids, endpoints) is computed from the resource's type and name, so that
the same template and parameters always give the same answer. `attributes` overrides any of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from local.emulator.physical_ids import KINDS, PORTS, Kind

STACK = "AWS::CloudFormation::Stack"
_PACKAGED = "https://s3.amazonaws.com/local/"
_NOTHING = object()  # AWS::NoValue: the property, or the list's item, is left out

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Fn::And": all,
    "Fn::Equals": lambda both: str(both[0]) == str(both[1]),
    "Fn::Join": lambda it: it[0].join(map(str, it[1])),
    "Fn::Not": lambda it: not it[0],
    "Fn::Or": any,
    "Fn::Select": lambda it: it[1][int(it[0])],
    "Fn::Split": lambda it: it[1].split(it[0]),
}


class TemplateError(Exception):
    """Something in the template, or in the parameters, that can't be resolved; says where."""


@dataclass(frozen=True)
class Resource:
    """One CloudFormation resource. `ref` is what `!Ref` gives, `arn` what `!GetAtt …Arn` gives (empty if it has none).

    `path` is its logical id after those of the applications that it is in: `Cubic/RegisterLoadFunction`.
    """

    logical_id: str
    type: str
    properties: dict[str, Any]
    ref: str
    arn: str
    path: str


@dataclass(frozen=True)
class Template:
    """The resources that exist with these parameters, nested ones included, those of a false Condition left out.

    `nested` has each nested application by its logical id.
    """

    path: Path
    resources: dict[str, Resource]
    parameters: dict[str, str]
    outputs: dict[str, Any]
    nested: dict[str, Template]

    def all(self) -> list[Template]:
        """The template itself and each application within it."""
        return [self, *(inner for application in self.nested.values() for inner in application.all())]

    def of_type(self, resource_type: str) -> list[Resource]:
        return [r for r in self.resources.values() if r.type == resource_type]


def load(
    path: Path | str,
    parameters: Mapping[str, str],
    *,
    account: str = "123456789012",
    region: str = "eu-west-2",
    queue_url: Callable[[str], str] | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Template:
    """Raises TemplateError. `queue_url` makes a URL of a queue's name; `attributes` overrides what AWS would give, by
    `LogicalId.Attribute`, e.g. `Database.Endpoint.Address`, or by `LogicalId` alone for `!Ref`."""
    path = Path(path)
    document = _read(path)
    values = _parameter_values(document.get("Parameters", {}), parameters)
    translated = _translate(document, values, region)
    url = queue_url or (lambda name: f"https://sqs.{region}.amazonaws.com/{account}/{name}")
    pseudo = {"AWS::AccountId": account, "AWS::Region": region, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
    pseudo |= {"AWS::StackName": "local", "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/local/0"}

    def load_nested(location: str, given: Mapping[str, str]) -> Template:
        inner = path.parent / location
        return load(inner, given, account=account, region=region, queue_url=url, attributes=attributes)

    resolver = _Resolver(translated, values, pseudo, url, dict(attributes or {}), load_nested)
    return Template(
        path=path,
        resources=resolver.resources(),
        parameters=values,
        outputs={
            name: resolver.resolve(output["Value"], f"Outputs.{name}")
            for name, output in translated.get("Outputs", {}).items()
            if resolver.holds(output.get("Condition"), f"Outputs.{name}")
        },
        nested=resolver.nested,
    )


def translate(path: Path | str, parameters: Mapping[str, str], *, region: str = "eu-west-2") -> dict[str, Any]:
    """Lets SAM make plain CloudFormation of the template, with its intrinsics as they are. Raises TemplateError."""
    document = _read(path)
    return _translate(document, _parameter_values(document.get("Parameters", {}), parameters), region)


def _read(path: Path | str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_as_json(Path(path).read_text()))
    return document


@cache
def _as_json(text: str) -> str:
    """YAML is slow to read, and the template of consumers is read for each of them. An alias becomes a copy."""
    return json.dumps(yaml_parse(text))


def _parameter_values(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    if unknown := given.keys() - declared.keys():
        raise TemplateError(f"no such parameter: {', '.join(sorted(unknown))}")
    values = {name: str(given.get(name, it.get("Default", _NOTHING))) for name, it in declared.items()}
    if missing := [name for name, it in declared.items() if name not in given and "Default" not in it]:
        raise TemplateError(f"parameters without a value: {', '.join(missing)}")
    for name, it in declared.items():
        allowed = [str(v) for v in it.get("AllowedValues", [values[name]])]
        if values[name] not in allowed or not re.fullmatch(it.get("AllowedPattern", ".*"), values[name]):
            raise TemplateError(f"Parameters.{name}: {values[name]!r} is not allowed")
    return values


def _translate(document: dict[str, Any], values: dict[str, str], region: str) -> dict[str, Any]:
    """The SAM transform; local code and templates are given such addresses in S3 as packaging would give them."""
    document = document | {"Resources": _expanded(document["Resources"], values)}
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Application":
            resource["Properties"]["Location"] = f"{_PACKAGED}{resource['Properties']['Location']}"
    functions = [r["Properties"] for r in document["Resources"].values() if r["Type"] == "AWS::Serverless::Function"]
    for holder in [*functions, document.get("Globals", {}).get("Function", {})]:
        if "CodeUri" in holder:
            holder["CodeUri"] = f"s3://local/{holder['CodeUri']}"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    translated: dict[str, Any] = translator.translate(document, parameter_values=values)
    translator.metrics.publish()  # to nobody; unpublished, they complain on standard output
    return json.loads(json.dumps(translated))  # type: ignore[no-any-return]


def _expanded(resources: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """The resources with those of each loop in its place: AWS::LanguageExtensions, as far as the templates use it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
    """
    expanded: dict[str, Any] = {}
    for name, resource in resources.items():
        if not name.startswith("Fn::ForEach::"):
            expanded[name] = resource
            continue
        identifier, collection, body = resource
        for item in values[collection["Ref"]].split(","):
            letters_and_digits = re.sub("[^A-Za-z0-9]", "", item)
            text = json.dumps(body).replace(f"${{{identifier}}}", item).replace(f"&{{{identifier}}}", letters_and_digits)
            for logical_id, found in json.loads(text).items():
                if logical_id in expanded:
                    raise TemplateError(f"Resources.{name}: there are two {logical_id!r}")
                expanded[logical_id] = found
    return expanded


@dataclass(frozen=True)
class _Resolver:
    document: dict[str, Any]
    parameters: dict[str, str]
    pseudo: dict[str, str]
    queue_url: Callable[[str], str]
    attributes: dict[str, str]
    load_nested: Callable[[str, Mapping[str, str]], Template]
    _applications: dict[str, Template] = field(default_factory=dict)

    @cached_property
    def existing(self) -> dict[str, dict[str, Any]]:
        resources = self.document["Resources"].items()
        return {name: r for name, r in resources if self.holds(r.get("Condition"), f"Resources.{name}")}

    @property
    def nested(self) -> dict[str, Template]:
        return {name: self._application(name) for name, r in self.existing.items() if r["Type"] == STACK}

    def resources(self) -> dict[str, Resource]:
        """The template's own resources and those of all applications.

        Applications made of one template have the same ids within. Each of these ids then begins with its application's.
        """
        found = {name: self.resource(name) for name in self.existing}
        made_of = Counter(application.path for application in self.nested.values())
        for application, template in self.nested.items():
            for within, resource in template.resources.items():
                name = f"{application}{within}" if made_of[template.path] > 1 else within
                if name in found:
                    raise TemplateError(f"Resources.{application}: there is a {name!r} outside of it")
                found[name] = replace(resource, logical_id=name, path=f"{application}/{resource.path}")
        return found

    def _application(self, name: str) -> Template:
        if name not in self._applications:
            properties, path = self.existing[name]["Properties"], f"Resources.{name}"
            given = self.resolve(properties.get("Parameters", {}), f"{path}.Parameters")
            try:
                self._applications[name] = self.load_nested(properties["TemplateURL"].removeprefix(_PACKAGED), given)
            except TemplateError as error:
                raise TemplateError(f"{path}: {error}") from error
        return self._applications[name]

    def resource(self, name: str) -> Resource:
        raw, path = self.existing[name], f"Resources.{name}"
        arn = self._get_att(name, "Arn", path) if KINDS.get(raw["Type"], Kind()).arn else ""
        properties = self.resolve(raw.get("Properties", {}), path)
        return Resource(name, raw["Type"], properties, self._ref(name, path), arn, name)

    def holds(self, condition: str | None, path: str) -> bool:
        if condition is None:
            return True
        if condition not in self.document.get("Conditions", {}):
            raise TemplateError(f"{path}: no condition {condition!r}")
        return bool(self.resolve(self.document["Conditions"][condition], f"Conditions.{condition}"))

    def resolve(self, value: Any, path: str) -> Any:
        if isinstance(value, list):
            items = [self.resolve(item, f"{path}[{i}]") for i, item in enumerate(value)]
            return [item for item in items if item is not _NOTHING]
        if not isinstance(value, dict):
            return value
        [name, *more] = value or [""]
        # In a policy, "Condition" is a mapping and no intrinsic.
        if not more and (name == "Ref" or name.startswith("Fn::") or (name == "Condition" and isinstance(value[name], str))):
            return self._intrinsic(name, value[name], f"{path}.{name}")
        fields = {key: self.resolve(item, f"{path}.{key}") for key, item in value.items()}
        return {key: item for key, item in fields.items() if item is not _NOTHING}

    def _intrinsic(self, name: str, argument: Any, path: str) -> Any:
        match name, argument:
            case "Ref", str():
                return self._ref(argument, path)
            case "Condition", str():
                return self.holds(argument, path)
            case "Fn::GetAtt", str() | [str(), str()]:
                logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._get_att(logical_id, attribute, path)
            case "Fn::Sub", str():
                return self._sub(argument, {}, path)
            case "Fn::Sub", [str(text), dict(variables)]:
                return self._sub(text, self.resolve(variables, path), path)
            case "Fn::If", [str(condition), then, otherwise]:
                return self.resolve(then if self.holds(condition, path) else otherwise, path)
        try:
            return _FUNCTIONS[name](self.resolve(argument, path))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise TemplateError(f"{path}: can't resolve {json.dumps(argument, default=str)}") from error

    def _sub(self, text: str, variables: Mapping[str, Any], path: str) -> str:
        def replacement(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return str(variables[name])
            logical_id, _, attribute = name.partition(".")
            return str(self._get_att(logical_id, attribute, path) if attribute else self._ref(name, path))

        return re.sub(r"\$\{([^}]+)\}", replacement, text)

    def _ref(self, name: str, path: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            is_list = re.match("List<|CommaDelimitedList", self.document["Parameters"][name]["Type"])
            return self.parameters[name].split(",") if is_list else self.parameters[name]
        return self.attributes.get(name) or self._given_by_aws(name, lambda kind: kind.ref, path)

    def _get_att(self, name: str, attribute: str, path: str) -> Any:
        def form(kind: Kind) -> str | None:
            return "{arn}" if attribute == "Arn" and kind.arn else kind.attributes.get(attribute)

        if attribute.startswith("Outputs.") and name in self.existing:
            outputs, output = self._application(name).outputs, attribute.removeprefix("Outputs.")
            if output not in outputs:
                raise TemplateError(f"{path}: {name} has no output {output!r}")
            return outputs[output]
        return self.attributes.get(f"{name}.{attribute}") or self._given_by_aws(name, form, f"{path} ({attribute})")

    def _given_by_aws(self, logical_id: str, form_of: Callable[[Kind], str | None], path: str) -> str:
        if logical_id not in self.existing:
            raise TemplateError(f"{path}: there is no {logical_id!r}")
        raw = self.existing[logical_id]
        kind = KINDS.get(raw["Type"], Kind())
        form = form_of(kind)
        if form is None:
            raise TemplateError(f"{path}: nothing known of this attribute of {raw['Type']}")
        named = raw.get("Properties", {})
        for step in kind.named_by.split("."):
            named = named.get(step, logical_id)
        name = self.resolve(named, path)
        context = {"name": name, "id": uuid5(NAMESPACE_DNS, logical_id).hex, "queue_url": self.queue_url(name)}
        context |= {"port": PORTS.get(raw.get("Properties", {}).get("Engine"), "")}
        context |= {"account": self.pseudo["AWS::AccountId"], "region": self.pseudo["AWS::Region"], "partition": "aws"}
        context["arn"] = self.attributes.get(f"{logical_id}.Arn") or f"arn:aws:{kind.arn}".format(**context)
        return form.format(**context)
