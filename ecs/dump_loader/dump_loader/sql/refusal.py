"""The refusal of a statement whose number and line are not known yet."""


class Refused(Exception):
    """It has the reason only."""
