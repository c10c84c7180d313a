"""A statement taken apart as the server does."""

from __future__ import annotations

from dump_loader.sql.tokens import tokenised


def test_a_comment_does_not_end_with_the_star_that_it_begins_with() -> None:
    assert [token.text for token in tokenised(b"SELECT /*/ GRANT */ 1 /**/ + 2")] == ["SELECT", "1", "+", "2"]


def test_two_dashes_begin_a_comment_only_before_a_blank() -> None:
    assert [token.text for token in tokenised(b"5--3 -- 4\n--5")] == ["5", "-", "-", "3", "-", "-", "5"]
