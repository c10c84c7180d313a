"""Importing any deployed module needs no environment and no network."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_module_imports_in_an_empty_environment() -> None:
    roots = [ROOT / "services", ROOT / "ecs" / "dump_loader"]
    modules = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for root in roots
        for path in root.rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
    ]
    assert len(modules) > 15
    code = (
        f"import socket; socket.socket.connect = None; import importlib; [importlib.import_module(m) for m in {modules!r}]"
    )
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(map(str, roots))}, check=True, timeout=60)
