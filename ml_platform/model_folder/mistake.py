"""Something that is wrong with a model's folder."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """Something that is wrong with a model, and where."""

    file: str
    line: int | None
    message: str
    hint: str = ""

    @property
    def place(self) -> str:
        """`defs.yaml:12`, or the file alone."""
        return f"{self.file}:{self.line}" if self.line else self.file
