"""SQL that both servers understand."""


def sequence(count: int) -> str:
    """Return a source of rows for FROM, with `seq` from 1 to `count`. Only MariaDB has tables of numbers (seq_1_to_9)."""
    return f"JSON_TABLE(CONCAT('[0', REPEAT(',0', {count - 1}), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers"
