"""Nights one after the other through one instance and one account: on the second nothing is there for the first time."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dump_loader.sql.server import Flavour
from local.emulator.database_server import DatabaseServer
from tests.e2e.conftest import System
from tests.e2e.test_ingestion import TODAY, upload

pytestmark = pytest.mark.timeout(180)

# The account defines these objects; the next night's first container meets them.
PROGRAMS = """
CREATE VIEW valid AS SELECT id FROM permits;
CREATE TRIGGER named BEFORE INSERT ON permits FOR EACH ROW SET NEW.name = UPPER(NEW.name);
CREATE FUNCTION doubled(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n;
CREATE PROCEDURE forget() DELETE FROM permits;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM permits;
"""


def dump_with_programs(path: Path, permits: int) -> Path:
    rows = ",".join(f"({number}, 'permit {number}')" for number in range(permits))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        sql = f"CREATE TABLE permits (id INT PRIMARY KEY, name VARCHAR(40));\nINSERT INTO permits VALUES {rows};{PROGRAMS}"
        archive.writestr("dump.sql", sql)
    return path


@pytest.mark.parametrize("flavour", Flavour)
def test_two_nights_of_a_dump_with_programs_land(
    system: Callable[..., System], servers: Callable[[Flavour], DatabaseServer], flavour: Flavour, tmp_path: Path
) -> None:
    running = system(server=servers(flavour))
    for night, (day, permits) in enumerate([(TODAY - timedelta(days=1), 20), (TODAY, 30)], start=1):
        upload(running, dump_with_programs(tmp_path / f"{permits}.zip", permits), day)
        running.wait_for("Task stopped", night)
        assert running.ecs.exit_codes == [0] * night, running.log_path.read_text()[-2000:]
        running.wait_for("LandingZoneUpdated", night)
    running.wait_until_idle()
    landed = {update["run"]["import_date"]: update for update in running.updates()}
    running.assert_landed(landed[f"{TODAY - timedelta(days=1)}"], {"permits": 20})
    running.assert_landed(landed[f"{TODAY}"], {"permits": 30})
    assert len(running.runs("DailyWorkflow")) == 2
