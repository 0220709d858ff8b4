"""Follows a page of `docs/` word by word, in a copy of the checkout, as its reader would.

A block with a file's name beside its language is written to that file; the lines of a `sh` block
are typed one by one; a `text` block is what the command before it prints, with `…` for what
differs each time, and `exit N` beside `text` if its exit code is not 0.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_platform.settings import PROJECT_ROOT

DOCS: Final = PROJECT_ROOT / "docs"
NEEDED: Final = ("ml_platform", "dbt_project", "pyproject.toml")
BLOCK: Final = re.compile(r"^```(\w+) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
SECOND_TERMINAL: Final = "second terminal"
TYPED_WITHIN_S: Final = 400
END_OF_OUTPUT_CHARS: Final = 4000
# What would make a command of the page another than a newcomer's.
OTHERS: Final = re.compile(r"^(MLP_|DAGSTER_|DBT_)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A fenced block: its language, what stands beside it, and its text."""

    language: str
    beside: str
    text: str


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = BLOCK.findall((DOCS / page).read_text())
    return [Block(language=one, beside=two.strip(), text=three) for one, two, three in found]


@dataclass(kw_only=True, slots=True)
class Reader:
    """Somebody who follows pages in a checkout, one after the other, in one shell.

    Attributes:
        checkout: A copy of the checkout, to write into.
        state: File with the shell's variables.
        replaced: Words of a page that are others here, such as a port.
    """

    checkout: Path
    state: Path
    replaced: dict[str, str]

    def follow(self, page: str) -> None:
        """Do what a page says; fails at the first thing that is not as it says."""
        blocks = blocks_of(page)
        for number, block in enumerate(blocks):
            after = blocks[number + 1] if number + 1 < len(blocks) else None
            shown = after if after is not None and after.language == "text" else None
            if block.language == "sh" and block.beside != SECOND_TERMINAL:
                self._type_lines(page, block, shown)
            elif block.language not in ("sh", "text"):
                assert block.beside, f"{page}: no file is named beside\n{block.text}"
                path = self.checkout / block.beside
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)

    def variables(self) -> dict[str, str]:
        """The variables of the shell."""
        said = subprocess.run(
            ["bash", "-c", f". '{self.state}'; env -0"],
            env={},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return dict(one.split("=", 1) for one in said.split("\0") if "=" in one)

    def _type_lines(self, page: str, block: Block, shown: Block | None) -> None:
        lines = block.text.splitlines()
        for line in lines:
            last = line == lines[-1]
            exit_code = int(shown.beside.removeprefix("exit ") or 0) if last and shown else 0
            code, out = self._type(line)
            said = f"{page}: `{line}` ended with {code} and said\n{out[-END_OF_OUTPUT_CHARS:]}"
            assert code == exit_code, said
            if last and shown:
                wanted = self._here(shown.text).splitlines()
                missing = [one for one in wanted if not pattern(one).search(one_line(out))]
                assert missing == [], f"{missing} is not there. {said}"

    def _type(self, line: str) -> tuple[int, str]:
        done = subprocess.run(
            [
                "bash",
                "-c",
                # The state has the PWD of whoever wrote it.
                f". '{self.state}'\ncd '{self.checkout}'\n{self._here(line)}\ncode=$?\n"
                f"export -p > '{self.state}'\nexit $code",
            ],
            cwd=self.checkout,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=TYPED_WITHIN_S,
        )
        return done.returncode, done.stdout

    def _here(self, text: str) -> str:
        for word, other in self.replaced.items():
            text = text.replace(word, other)
        return text


def new_reader(folder: Path, **variables: str) -> Reader:
    """A reader in a fresh copy of the checkout, with variables of their shell."""
    checkout = folder / "checkout"
    for name in NEEDED:
        source = PROJECT_ROOT / name
        if source.is_file():
            shutil.copy(source, checkout)
        else:
            leave = shutil.ignore_patterns("__pycache__", "target", "logs", ".new-*")
            shutil.copytree(source, checkout / name, ignore=leave)
    kept = {name: value for name, value in os.environ.items() if not OTHERS.match(name)}
    kept |= {
        # As activated; the copy's package is found before the installed one.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(checkout),
        # A terminal's width would break sentences.
        "COLUMNS": "200",
        **variables,
    }
    state = folder / "variables.sh"
    subprocess.run(["bash", "-c", f"export -p > '{state}'"], env=kept, check=True)
    return Reader(checkout=checkout, state=state, replaced={})


def one_line(text: str) -> str:
    """`text` with single spaces between its words."""
    return " ".join(text.split())


def pattern(line: str) -> "re.Pattern[str]":
    """What a line of a page looks like in one line of output.

    `…` is any word, but between spaces, where the platform itself writes it for a range of days.
    """
    parts = (re.escape(part) for part in re.split(r"(?<! )…|…(?! )", one_line(line)))
    return re.compile(r"\S*".join(parts))
