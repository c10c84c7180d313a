"""Each way in which Trino refuses, or is not there, and what becomes of the message then."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from data_commons.connection import Server, Trino
from data_commons.errors import StatementRefused, TrinoRefused
from ingestion.errors import IngestionError, NotYet
from local.emulator.certificates import write_certificates
from local.emulator.trino_access import TrinoAccess
from tests.data_commons import server
from tests.eventually import eventually


def refused(at: Server, token: str, error: type[IngestionError], match: str) -> None:
    with pytest.raises(error, match=match):
        Trino(at, lambda: token).query("select 1")


def test_an_expired_token(trino: TrinoAccess) -> None:
    refused(server(trino), trino.token(seconds=-60), TrinoRefused, r"error 401.*has expired.*Renew it")


def test_a_token_of_somebody_else(trino: TrinoAccess) -> None:
    refused(server(trino), trino.token("other"), TrinoRefused, "cannot impersonate.*Grant it to datacommons")


def test_a_certificate_of_another_authority(trino: TrinoAccess, tmp_path: Path) -> None:
    write_certificates(tmp_path, "127.0.0.1", "localhost")
    other = replace(server(trino), ca_bundle=str(tmp_path / "ca.pem"))
    refused(other, trino.token(), TrinoRefused, "certificate of no authority that is trusted.*TRINO_CA_BUNDLE")
    refused(replace(other, ca_bundle=None), trino.token(), TrinoRefused, "certificate of no authority that is trusted")


def test_the_environment_is_not_heeded(trino: TrinoAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_certificates(tmp_path, "127.0.0.1", "localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert Trino(server(trino), trino.token).query("select 1") == [[1]]


def test_the_port_of_plain_http(trino: TrinoAccess) -> None:
    refused(replace(server(trino), port=trino.plain_port), trino.token(), TrinoRefused, "does not speak TLS")


def test_nobody_there(trino: TrinoAccess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    refused(replace(server(trino), port=port), trino.token(), NotYet, "does not answer")


def test_a_statement_that_is_wrong(trino: TrinoAccess) -> None:
    at = Trino(server(trino), trino.token)
    with pytest.raises(StatementRefused, match=r"select nothing.*Correct what it says") as refusal:
        at.query("select nothing")
    assert refusal.value.name == "COLUMN_NOT_FOUND"


def test_a_statement_of_too_much_is_tried_again(trino: TrinoAccess) -> None:
    at = Trino(replace(server(trino)), trino.token)
    at.query("select 1")
    at.query("set session query_max_run_time = '1ms'")
    with pytest.raises(NotYet, match="EXCEEDED_TIME_LIMIT"):
        at.query(f"select count(*) from {', '.join(['unnest(sequence(1, 10000))'] * 4)}")  # years of work


def test_a_token_that_was_renewed_is_read_anew_once_the_old_one_is_refused(trino: TrinoAccess) -> None:
    renewed = [trino.token(seconds=2)]
    asked: list[str] = []

    def token() -> str:
        asked.append(renewed[-1])
        return asked[-1]

    at = Trino(server(trino), token)
    assert at.query("select 1") == [[1]]
    renewed.append(trino.token())

    def again() -> int:
        assert at.query("select 1") == [[1]]
        return len(asked)

    assert eventually(again, lambda times: times > 1) == 2


def test_a_token_that_nobody_renews_is_refused_in_the_end(trino: TrinoAccess) -> None:
    expiring = trino.token(seconds=2)
    at = Trino(server(trino), lambda: expiring)

    def again() -> str:
        try:
            return str(at.query("select 1"))
        except TrinoRefused as error:
            return str(error)

    assert "error 401" in eventually(again, lambda answer: "Renew it" in answer)
