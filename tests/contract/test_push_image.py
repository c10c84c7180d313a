"""ecs/push-image, with an `aws` and a `docker` that write down what they are asked."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REPOSITORY = "123456789012.dkr.ecr.eu-west-2.amazonaws.com/dataplatform-stg-liberator-to-rds-snapshot"
STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> "$ASKED"
case "$*" in
  *describe-stacks*) echo "$REPOSITORY" ;;
  *describe-images*) exit "$IMAGE_IS_MISSING" ;;
  *get-login-password*) echo secret ;;
  *login*) cat >/dev/null ;;
esac
"""

type Push = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clean working tree with our samconfig.toml."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "samconfig.toml").write_text((ROOT / "samconfig.toml").read_text())
    git = ["git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    return tree


@pytest.fixture
def push(tmp_path: Path, repository: Path) -> Push:
    for name in ("aws", "docker"):
        stub = tmp_path / "bin" / name
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(STUB)
        stub.chmod(0o755)

    def run(
        environment: str = "stg", loader: str = "dump_loader", *, there: bool = False
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "ASKED": str(tmp_path / "asked"),
            "REPOSITORY": REPOSITORY,
            "IMAGE_IS_MISSING": "0" if there else "1",
        }
        command = [str(ROOT / "ecs/push-image"), environment, loader, "abc123"]
        return subprocess.run(command, cwd=repository, env=variables, capture_output=True, text=True, check=False)

    return run


def asked(tmp_path: Path) -> list[str]:
    log = tmp_path / "asked"
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    ("environment", "stack"),
    [("stg", "dataplatform-stg-liberator-ingestion"), ("prod", "dataplatform-prod-liberator-ingestion")],
)
def test_the_image_goes_into_the_repository_of_the_environments_stack(
    push: Push, tmp_path: Path, environment: str, stack: str
) -> None:
    pushed = push(environment)
    assert pushed.returncode == 0, pushed.stderr
    [stacks, images, *rest] = asked(tmp_path)
    assert f"--stack-name {stack} " in stacks
    assert images.endswith("--repository-name dataplatform-stg-liberator-to-rds-snapshot --image-ids imageTag=abc123")
    assert sorted(rest[:2]) == [
        "aws ecr get-login-password",
        f"docker login --username AWS --password-stdin {REPOSITORY.split('/')[0]}",
    ]
    assert rest[2:] == [f"docker tag dump_loader:abc123 {REPOSITORY}:abc123", f"docker push {REPOSITORY}:abc123"]
    assert "DumpLoaderImageTag=abc123" in pushed.stdout


@pytest.mark.parametrize(
    ("loader", "output", "parameter"),
    [
        ("dump_loader", "RepositoryUri", "DumpLoaderImageTag"),
        ("dataset_loader", "DatasetLoaderRepositoryUri", "DataCommonsLoaderImageTag"),
    ],
)
def test_each_loader_has_a_repository_and_a_parameter(
    push: Push, tmp_path: Path, loader: str, output: str, parameter: str
) -> None:
    pushed = push(loader=loader)
    assert pushed.returncode == 0, pushed.stderr
    assert f"OutputKey=='{output}'" in asked(tmp_path)[0]
    assert asked(tmp_path)[-2] == f"docker tag {loader}:abc123 {REPOSITORY}:abc123"
    assert f"{parameter}=abc123" in pushed.stdout


def test_a_loader_that_there_is_not_is_refused(push: Push, tmp_path: Path) -> None:
    pushed = push(loader="loader")
    assert pushed.returncode == 1
    assert "There is no loader loader" in pushed.stderr
    assert asked(tmp_path) == []


def test_an_image_that_is_there_is_not_pushed_again(push: Push, tmp_path: Path) -> None:
    pushed = push(there=True)
    assert pushed.returncode == 0
    assert "is there already" in pushed.stdout
    assert not [line for line in asked(tmp_path) if line.startswith("docker")]


def test_a_tree_with_changes_is_refused(push: Push, repository: Path, tmp_path: Path) -> None:
    (repository / "samconfig.toml").write_text("changed")
    pushed = push()
    assert pushed.returncode == 1
    assert "commit" in pushed.stderr
    assert asked(tmp_path) == []


def test_an_unknown_environment_is_refused(push: Push, tmp_path: Path) -> None:
    pushed = push("elsewhere")
    assert pushed.returncode == 1
    assert "samconfig.toml has no [elsewhere.deploy.parameters]" in pushed.stderr
    assert asked(tmp_path) == []
