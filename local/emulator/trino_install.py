"""Finds what Trino needs here: the folder of tools/install-trino, and a Java that is new enough."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL = "Run tools/install-trino, which needs Maven."
# https://trino.io/docs/476/installation/deployment.html#java-runtime-environment
OLDEST_JAVA = 24
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "liberator-ingestion"
# Debian and Fedora, macOS, SDKMAN
_HOMES = ("/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home", f"{Path.home()}/.sdkman/candidates/java/*")


class TrinoServerError(Exception):
    """Trino is not installed, or did not start; the message says what to do, or ends with the server's own log."""


@dataclass(frozen=True, slots=True)
class TrinoPrograms:
    """The folder of Trino, and the `java` that runs it."""

    folder: Path
    java: Path

    @property
    def version(self) -> str:
        return self.folder.name.removeprefix("trino-")

    @property
    def client(self) -> Path:
        """The command line client, a jar."""
        return self.folder / "trino-cli.jar"


def find_trino() -> TrinoPrograms:
    """Trino's folder and a Java for it. Raises TrinoServerError, saying how to get what is missing."""
    sums = (ROOT / "tools/trino/SHA256SUMS").read_text()
    [version] = re.findall(r"trino-server-core-(\d+)\.tar\.gz", sums)
    if not (folder := _CACHE / f"trino-{version}").is_dir():
        raise TrinoServerError(f"There is no Trino {version} here. {INSTALL}")
    for home in _java_homes():
        if _version_of(home) >= OLDEST_JAVA:
            return TrinoPrograms(folder, home / "bin/java")
    raise TrinoServerError(
        f"Trino {version} needs Java {OLDEST_JAVA} or later, and there is none in JAVA_HOME, on the PATH or where packages "
        f"put theirs. Install one (Debian 13: apt-get install openjdk-25-jre-headless), or set JAVA_HOME."
    )


def _java_homes() -> Iterator[Path]:
    """JAVA_HOME first, then the PATH's, then the newest."""
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    yield from sorted((f for p in _HOMES for f in Path("/").glob(p.lstrip("/"))), key=_version_of, reverse=True)


def _version_of(home: Path) -> int:
    """The feature release; 0 where there is no Java. Every JDK has the file: https://openjdk.org/jeps/223."""
    try:
        release = (home / "release").read_text()
    except OSError:
        return 0
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(found[1]) if found and os.access(home / "bin/java", os.X_OK) else 0
