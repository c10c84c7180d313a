"""A nasty schema, dumped by the server's own program under many sets of options, loaded by its own client and by the loader.

Every value of every table is the same afterwards, and every definition.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.emulator.database_server import DatabaseServer
from tests.integration.dump_loader.two import BY_CLIENT, BY_LOADER, Two

NASTY = Path(__file__).with_name("nasty.sql").read_text()
SOURCE = "differential_source"
# Of these, what an option does to rows is seen; of all the rest, in a dump of everything.
ROWS = "numbers times texts computed places parts"
OF_ROWS = [
    "--hex-blob",
    "--skip-opt",
    "--complete-insert --order-by-primary",
    "--skip-extended-insert",
    "--replace --skip-quote-names",
    "--insert-ignore --hex-blob",
    "--no-autocommit",
    "--skip-tz-utc",
    "--default-character-set=utf8 --skip-set-charset",
    "--default-character-set=binary",
    "--compact",
    "--skip-add-locks --skip-disable-keys",
    "--skip-create-options",
    "--net-buffer-length=4096",
    "--compatible=ansi",
    "--where=id>0",
    "--no-data",
]
# These dumps do not say the character set of their text or the zone of their times: values that do not fit are cut.
CUT = ["--default-character-set=binary", "--compatible=ansi", "--compact"]
OF_EVERYTHING = [
    "",
    "--opt --routines --triggers --events",
    "--single-transaction --skip-triggers --routines",
    "--default-character-set=latin1 --events",
    "--skip-comments --skip-add-drop-table",
    "--databases",
    "--databases --add-drop-database --routines --events --complete-insert --skip-extended-insert --no-autocommit",
]


@pytest.fixture(scope="module")
def dumped(server: DatabaseServer, two: Two) -> Iterator[Callable[[str, str], bytes]]:
    """Dumps the nasty schema, or the named tables of it, with the options."""

    def dump(options: str, tables: str) -> bytes:
        chosen = f"-uroot {options} {SOURCE} {tables}".split()
        command = [server.programs.dump, "--no-defaults", f"--socket={server.socket}", *chosen]
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    with two.database(SOURCE), two.time_zone("+02:00"):  # not that of a dump
        assert two.client(SOURCE, NASTY.replace(f"\n-- {server.flavour}: ", "\n").encode()) == ""
        yield dump


@pytest.mark.parametrize(
    ("options", "tables"), [*((options, ROWS) for options in OF_ROWS), *((options, "") for options in OF_EVERYTHING)]
)
def test_the_client_and_the_loader_make_the_same_of_it(
    two: Two, dumped: Callable[[str, str], bytes], options: str, tables: str
) -> None:
    dump = dumped(options, tables)
    assert two.by_client(dump.replace(SOURCE.encode(), BY_CLIENT.encode())) == ""
    for connections in (3, 1) if not options else (3,):
        assert two.by_loader(dump, connections=connections) == ""
        assert two.remarks == () or options in CUT
        values = two.values(BY_LOADER)
        assert values == two.values(BY_CLIENT)
        assert two.definitions(BY_LOADER) == two.definitions(BY_CLIENT)
    if not options:  # of all that there is
        assert {table: len(rows) for table, rows in values.items()} == {
            t: len(rows) for t, rows in two.values(SOURCE).items()
        }
