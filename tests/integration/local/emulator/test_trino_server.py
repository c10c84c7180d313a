"""Trino as it runs here: who may connect, what the client raises otherwise, and what is left when it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from trino.auth import JWTAuthentication
from trino.exceptions import HttpError, TrinoAuthError, TrinoConnectionError, TrinoUserError

from local.emulator import trino_install, trino_server
from local.emulator.certificates import write_certificates
from local.emulator.trino_access import TrinoAccess
from local.emulator.trino_install import TrinoPrograms, TrinoServerError, find_trino
from local.emulator.trino_server import TrinoServer
from tests import shared_trino
from tests.eventually import eventually

ANY = TrinoAccess(port=1, plain_port=2, ca_bundle="ca", signing_key="key", aws="http://127.0.0.1:3")


def refused(trino: TrinoAccess, error: type[Exception], match: str, **options: Any) -> None:
    with pytest.raises(error, match=match):
        trino.query("select 1", **options)


def test_an_expired_token_is_an_http_error(trino: TrinoAccess) -> None:
    refused(trino, HttpError, "error 401", auth=JWTAuthentication(trino.token(seconds=-60)))
    refused(trino, HttpError, "error 401", auth=JWTAuthentication("no token"))
    refused(trino, HttpError, "error 401", auth=None)


def test_a_token_of_somebody_else_is_impersonation(trino: TrinoAccess) -> None:
    refused(
        trino, TrinoUserError, "Access Denied: User other cannot impersonate", auth=JWTAuthentication(trino.token("other"))
    )


def test_another_authority_than_its_own_is_a_connection_error(trino: TrinoAccess, tmp_path: Path) -> None:
    write_certificates(tmp_path, "127.0.0.1", "localhost")
    session = requests.Session()
    session.trust_env, session.verify = False, str(tmp_path / "ca.pem")
    refused(trino, TrinoConnectionError, "CERTIFICATE_VERIFY_FAILED", http_session=session)


def test_plain_http_is_refused_by_the_client_and_by_the_server(trino: TrinoAccess) -> None:
    refused(trino, TrinoAuthError, "TLS/SSL is required", http_scheme="http", port=trino.plain_port)
    refused(trino, HttpError, "error 403", http_scheme="http", port=trino.plain_port, auth=None)


def test_it_ends_with_a_parent_that_is_killed() -> None:
    code = """
import time
from local.emulator.trino_server import TrinoServer
class Starting(TrinoServer):
    def _answers(self):
        print(self.pid, self.directory, flush=True)
        time.sleep(60)
with Starting("http://127.0.0.1:1"):
    pass
"""
    path = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ | path) as parent:
        assert parent.stdout is not None
        if not (told := parent.stdout.readline().split()):
            pytest.skip("Trino can't be had here.")
        assert Path("/proc", told[0]).exists()
        parent.kill()
    eventually(lambda: Path("/proc", told[0]).exists() or Path(told[1]).exists(), lambda left: not left)


@pytest.mark.parametrize(
    ("said", "told"),
    [("Configuration is invalid", "did not start:\nConfiguration is invalid"), ("Address already in use", "no free port")],
)
def test_a_server_that_does_not_start_is_told_with_its_log_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho {said}\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setattr(trino_server, "find_trino", lambda: TrinoPrograms(tmp_path / "trino-1", java))
    server = TrinoServer("http://127.0.0.1:1")
    with pytest.raises(TrinoServerError, match=f"Trino 1 .*{told}"), server:
        pass
    assert not server.directory.exists()


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trino_install, "_CACHE", tmp_path)
    with pytest.raises(TrinoServerError, match="tools/install-trino"):
        find_trino()
    (tmp_path / "trino-476").mkdir()
    monkeypatch.setattr(trino_install, "_HOMES", (f"{tmp_path}/jvm/*",))
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "old", "17.0.2")))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TrinoServerError, match="needs Java 24 or later"):
        find_trino()
    for version in ("9.0.1", "24.0.1", "25.0.3", "1.8.0_402"):
        jdk(tmp_path / "jvm" / version, version)
    (tmp_path / "jvm/26").mkdir()  # no Java is in it
    assert find_trino().java == tmp_path / "jvm/25.0.3/bin/java"


def jdk(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin/java").touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


def test_the_shared_one_serves_each_process_until_the_last_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    @contextmanager
    def without_trino() -> Iterator[Any]:
        yield SimpleNamespace(access=ANY)
        ended.set()

    monkeypatch.setattr(shared_trino, "local_trino", without_trino)
    listener = socket.create_server((shared_trino.HOST, 0))
    address = listener.getsockname()
    serving = threading.Thread(target=shared_trino.serve, args=(listener,))
    with socket.create_connection(address) as one:
        serving.start()
        with socket.create_connection(address) as other:
            for user in (one, other):
                assert TrinoAccess.from_json(user.makefile("rb").readline()) == ANY
        assert not ended.wait(0.1)
    serving.join(10)
    assert ended.is_set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
