"""The Makefile's options: a name that it does not know is refused, so its list has to have all that it reads."""

from __future__ import annotations

import re

from local import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
ITS_OWN = {"SHELL", "AWS_DEFAULT_REGION"}  # taken from the environment or set by make, and may be overridden


def test_every_variable_that_a_recipe_reads_can_be_given_and_no_other() -> None:
    [listed] = re.findall(r"^OPTIONS := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assigned = set(re.findall(r"^(?:export )?([A-Z]+) (?::|\?)?= ?", MAKEFILE, re.MULTILINE))
    with_default = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE))
    read = set(re.findall(r"\$[({]([A-Z_]+)[)}]", MAKEFILE))
    options = set(listed.replace("\\", "").split())
    assert options - ITS_OWN == (read - assigned - {"CURDIR", "MAKEFILE_LIST"} | with_default) - ITS_OWN
