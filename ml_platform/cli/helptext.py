"""The help of a command: a worked example first, then what it does."""

from typing import TypedDict


class Help(TypedDict):
    """What typer shows of a command, in full and in the list of commands."""

    help: str
    short_help: str


def help_of(example: str, short: str, more: str = "") -> Help:
    """Help that opens with `example`; line breaks in `more` have no meaning."""
    paragraphs = [f"[bold cyan]{example}[/]", short, " ".join(more.split())]
    return Help(help="\n\n".join(one for one in paragraphs if one), short_help=short)
