"""Why a statement is refused, before its number and line are known."""


class Refused(Exception):
    """The reason only."""
