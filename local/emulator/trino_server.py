"""A private Trino in a temporary directory, on the S3 and the Glue of an endpoint: the data commons' Trino in the local run.

It differs from a cluster: one node, 1.5 GB, and a compiler that is quick rather than good. TLS and tokens are as there.
tools/install-trino gets the programs. Two catalogs have a metastore of their own in the directory, the third is Glue's.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from local.emulator import guard
from local.emulator.certificates import write_certificates
from local.emulator.database_server import free_port, interrupts_held
from local.emulator.trino_access import DEV, GLUE, PROD, TrinoAccess, glue_catalog, s3
from local.emulator.trino_install import TrinoServerError, find_trino

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

_PORT_ATTEMPTS = 5
_START_SECONDS = 240.0
# Those of Trino's own launcher, but for the last line: half of a start is compiling, on a small machine.
# https://trino.io/docs/476/installation/deployment.html#jvm-config
_JVM = """
-server -Xmx1536M -XX:+ExitOnOutOfMemoryError -XX:+EnableDynamicAgentLoading -XX:ReservedCodeCacheSize=256M
--add-modules=jdk.incubator.vector --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED
-Djdk.attach.allowAttachSelf=true -Djdk.nio.maxCachedBufferSize=2000000 -Dfile.encoding=UTF-8 -XX:-UsePerfData
-XX:+UseSerialGC -XX:TieredStopAtLevel=1
"""


class TrinoServer:
    """Context manager: a running server, gone with its data at the end of the block or of the process.

    `aws` is the endpoint of S3 and Glue; with `glue` all catalogs are Glue's. Raises TrinoServerError.
    """

    def __init__(self, aws: str, *, glue: bool = False) -> None:
        self._aws, self._glue = aws, glue
        self.access: TrinoAccess
        self.directory: Path
        self._process: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return f"Trino {self.programs.version}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise TrinoServerError("The server is not running.")
        return self._process.pid

    def __enter__(self) -> Self:
        self.programs = find_trino()
        self.directory = guard.folder()
        try:
            self._write_keys()
            self._write_catalogs()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops the server at once and removes its directory; a Ctrl-C meanwhile waits until that is done."""
        with interrupts_held():
            if self._process is not None:
                self._process.kill()  # it would wait for queries, and keeps nothing
                self._process.wait()
                self._process = None
            shutil.rmtree(self.directory, ignore_errors=True)

    def _write_keys(self) -> None:
        write_certificates(self.directory, "127.0.0.1", "localhost")
        parts = [(self.directory / name).read_bytes() for name in ("server.key", "server.pem")]
        _write_private(self.directory / "keystore.pem", b"".join(parts))
        key = ec.generate_private_key(ec.SECP256R1())
        _write_private(self.directory / "tokens.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.directory / "tokens.pem").write_bytes(public)

    def _write_catalogs(self) -> None:
        (self.directory / "etc/catalog").mkdir(parents=True)
        for name in (DEV, PROD):
            (self.directory / "data/metastore" / name).mkdir(parents=True)
            metastore = {
                "hive.metastore": "file",
                "hive.metastore.catalog.dir": f"local:///metastore/{name}",
                "fs.native-local.enabled": "true",
                "local.location": str(self.directory / "data"),
            }
            self._write_catalog(name, glue_catalog(self._aws) if self._glue else metastore | s3(self._aws))
        self._write_catalog(GLUE, glue_catalog(self._aws))

    def _write_catalog(self, name: str, settings: Mapping[str, str]) -> None:
        _write_properties(self.directory / "etc/catalog" / f"{name}.properties", {"connector.name": "hive", **settings})

    def _start(self) -> None:
        log = self.directory / "log"
        for _ in range(_PORT_ATTEMPTS):
            plain, port = free_port(), free_port()
            ca, key = str(self.directory / "ca.pem"), str(self.directory / "tokens.key")
            self.access = TrinoAccess(port=port, plain_port=plain, ca_bundle=ca, signing_key=key, aws=self._aws)
            _write_properties(self.directory / "etc/config.properties", self._settings())
            with log.open("wb") as output:
                self._process = guard.start(
                    self._command(), cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
                )
            if self._answers():
                return
            self._process.kill()
            self._process.wait()
            if "Address already in use" not in (text := log.read_text(errors="replace")):
                raise TrinoServerError(f"{self} did not start:\n{text[-2000:]}")
        raise TrinoServerError(f"{self} found no free port in {_PORT_ATTEMPTS} attempts.")

    def _settings(self) -> dict[str, str]:
        plain = self.access.plain_port  # for the server's own calls to itself: it takes no client there
        return {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "http-server.http.port": str(plain),
            "discovery.uri": f"http://127.0.0.1:{plain}",
            "http-server.https.enabled": "true",
            "http-server.https.port": str(self.access.port),
            "http-server.https.keystore.path": str(self.directory / "keystore.pem"),
            "http-server.authentication.type": "JWT",
            "http-server.authentication.jwt.key-file": str(self.directory / "tokens.pem"),
            "internal-communication.shared-secret": secrets.token_urlsafe(32),
            "catalog.management": "dynamic",  # a test may bring a Glue of its own
            "plugin.dir": str(self.programs.folder / "plugin"),
            "web-ui.enabled": "false",
        }

    def _command(self) -> list[str | Path]:
        node = {
            "node.environment": "local",
            "node.id": "one",
            "node.data-dir": self.directory / "data",
            "node.bind-ip": "127.0.0.1",
            "node.internal-address": "127.0.0.1",
            "java.io.tmpdir": self.directory,
            "config": self.directory / "etc/config.properties",
        }
        options = [*_JVM.split(), *(f"-D{name}={value}" for name, value in node.items())]
        return [self.programs.java, "-cp", f"{self.programs.folder}/lib/*", *options, "io.trino.server.TrinoServer"]

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.access.plain_port}/v1/info", timeout=5) as answer:
                    if json.load(answer)["starting"] is False:
                        return True
            except OSError:
                pass
            time.sleep(0.1)
        return False


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _write_properties(path: Path, settings: Mapping[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
