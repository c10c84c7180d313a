"""Add bytecode to the functions that `sam build` built: docs/adr/0008-bytecode-is-in-the-artefact.md.

sam builds once what the functions share, and copies it for each. So one is compiled, and the others get what came out.
Python checks at each import that bytecode is of the source beside it, whoever put it there.
"""

import os
import sys
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode


def add_bytecode(build: Path) -> None:
    """Add it to every function of a folder that sam has just built. Ends the program where a module can't be compiled."""
    first, *others = sorted(folder for folder in build.rglob("*Function") if folder.is_dir())
    compiled = compile_dir(
        first, quiet=1, stripdir=first, prependdir="/var/task", invalidation_mode=PycInvalidationMode.CHECKED_HASH
    )
    if not compiled:
        sys.exit(f"Not every module of {first} can be compiled: see above.")
    for bytecode in first.rglob("__pycache__/*.pyc"):
        for other in others:
            copy = other / bytecode.relative_to(first)
            copy.parent.mkdir(exist_ok=True)
            copy.unlink(missing_ok=True)
            os.link(bytecode, copy)


if __name__ == "__main__":
    add_bytecode(Path(sys.argv[1]))
