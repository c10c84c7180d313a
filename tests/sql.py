"""SQL that both servers understand."""


def sequence(count: int) -> str:
    """What stands after FROM, with `seq` from 1 to `count`. MariaDB alone has tables of numbers, called seq_1_to_9."""
    return f"JSON_TABLE(CONCAT('[0', REPEAT(',0', {count - 1}), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers"
