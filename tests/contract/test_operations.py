"""The documented lines of `python -m operations`, and the names by which it finds a stack's parts."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT
from local.emulator.cloud import PARAMETERS, PREFIX
from local.emulator.template import Template, load
from operations.command import parser
from operations.cubic.commands import ARCHIVE, FUNCTION, JOB, SPRINGBOARD

PROGRAM = "python -m operations "
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def lines() -> Iterator[str]:
    for document in DOCUMENTS:
        text = document.read_text()
        yield from re.findall(rf"^\| [^|]* \| `{PROGRAM}(.*)` \|$", text, re.MULTILINE)
        yield from re.findall(rf"^    {PROGRAM}(.*)$", text, re.MULTILINE)


def commands() -> set[str]:
    """All that there are."""

    def choices(made: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
        [sub] = [action for action in made._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
        return dict(sub.choices)

    return {f"{source} {command}" for source, of in choices(parser()).items() for command in choices(of)}


@pytest.mark.parametrize("line", list(lines()))
def test_a_documented_line_is_a_command(line: str) -> None:
    read = parser().parse_args(shlex.split(line))
    if file := getattr(read, "file", None):
        assert Path(ROOT / file).is_file()


def test_every_command_is_documented() -> None:
    assert {" ".join(line.split()[:2]) for line in lines()} == commands()


@pytest.fixture(scope="module")
def template() -> Template:
    return load(ROOT / "template.yaml", PARAMETERS | {"IngestCubic": "true"})


@pytest.mark.parametrize(
    ("kind", "named", "name"),
    [
        ("AWS::Lambda::Function", "FunctionName", FUNCTION),
        ("AWS::S3::Bucket", "BucketName", ARCHIVE),
        ("AWS::S3::Bucket", "BucketName", SPRINGBOARD),
        ("AWS::Glue::Job", "Name", JOB),
    ],
)
def test_a_stack_has_what_the_commands_ask_for(template: Template, kind: str, named: str, name: str) -> None:
    assert f"{PREFIX}-{name}" in {resource.properties.get(named) for resource in template.of_type(kind)}


def test_the_documented_queues_are_those_of_the_stack(template: Template) -> None:
    queues = {str(resource.properties.get("QueueName")) for resource in template.of_type("AWS::SQS::Queue")}
    documented = set(
        re.findall(r"^\| `(dataplatform-stg-cubic-[a-z-]+)` \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    )
    assert {f"{PREFIX}{queue.removeprefix('dataplatform-stg')}" for queue in documented} == {
        queue for queue in queues if queue.startswith(f"{PREFIX}-cubic-") and not queue.endswith("-dlq")
    }
