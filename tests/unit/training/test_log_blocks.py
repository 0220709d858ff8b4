"""Lines of logs in Dagster."""

from ml_platform.training.log_blocks import code_block


def test_lines_are_shown_as_they_are() -> None:
    assert code_block(["one", "*two*"]) == "```\none\n*two*\n```"


def test_a_line_with_a_fence_does_not_end_the_block() -> None:
    assert code_block(["before", "```", "after"]) == "````\nbefore\n```\nafter\n````"
