from __future__ import annotations

from pathlib import Path

import pytest

from operations.command import parser


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("tables", {"command": "tables", "prefix": None, "json": False, "direct": False}),
        ("put-table p", {"s3_prefix": "p", "key_columns": [], "sparse_updates": True, "is_active": True}),
        (
            "put-table p --key-column a --key-column b --whole-updates --inactive",
            {"key_columns": ["a", "b"], "sparse_updates": False, "is_active": False},
        ),
        ("pause t --because why", {"table": "t", "because": "why"}),
        ("put-feed f /u --inactive", {"name": "f", "relative_url": "/u", "is_active": False}),
        ("apply x.yaml", {"file": Path("x.yaml")}),
        ("loads --table t --status errored", {"table": "t", "status": "errored"}),
        ("rebuild t", {"table": "t", "snapshot": None}),
        ("rebuild t s --json --direct --prefix p", {"snapshot": "s", "json": True, "direct": True, "prefix": "p"}),
    ],
)
def test_a_command_is_read(words: str, chosen: dict[str, object]) -> None:
    read = vars(parser().parse_args(["cubic", *words.split()]))
    assert {name: read[name] for name in chosen} == chosen


@pytest.mark.parametrize(
    "words", ["", "liberator", "cubic", "cubic table", "cubic pause t", "cubic loads --status lost", "cubic tables --js"]
)
def test_what_is_no_command_ends_with_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words.split())
    assert ended.value.code == 2
    assert "usage: python -m operations" in capsys.readouterr().err
