"""What a job runs, as its head is told it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol


class Program(Protocol):
    """What a job runs: a module of the platform's, or a script of a person's own."""

    @property
    def argv(self) -> tuple[str, ...]:
        """What follows the interpreter."""

    @property
    def working_dir(self) -> str:
        """URI of a package that Ray brings to each node; empty for none."""

    @property
    def env(self) -> Mapping[str, str]:
        """Variables that it gets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """What the Ray job runs: `python file *arguments` in the folder of the package.

    Attributes:
        file: The script, relative to the folder.
        arguments: What follows it.
        working_dir: URI of the package.
        env: Variables that it gets.
    """

    file: PurePosixPath
    arguments: tuple[str, ...] = ()
    working_dir: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> tuple[str, ...]:
        """What follows the interpreter."""
        return (str(self.file), *self.arguments)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """A job to be on a head.

    Attributes:
        submission_id: Its id: submitting it twice is submitting it once.
        entrypoint: What it runs.
        metadata: What Ray keeps beside it, for those who look.
    """

    submission_id: str
    entrypoint: Program
    metadata: Mapping[str, str] = field(default_factory=dict)
