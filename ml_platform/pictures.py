"""Small pictures for the metadata of assets, drawn alike.

Drawn with matplotlib's objects, never pyplot, so that nothing global is touched and threads do not
meet. White background and 520 x 320 pixels: they are read in Dagster's metadata view.
"""

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PX: Final = 520
HEIGHT_PX: Final = 320
DPI: Final = 100
COLOURS: Final = 48

BLUE: Final = "#2f6fb7"
ORANGE: Final = "#d9730d"
GREY: Final = "#8a8f98"
DARK: Final = "#30343b"
WHITE: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
# The candidate first, then its rivals: told apart without colour by their markers.
LINES: Final = ((BLUE, "o"), (ORANGE, "s"), (GREY, "^"), ("#5b8c5a", "D"), ("#8e5ea2", "v"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A PNG with the words for those who do not see it."""

    png: bytes
    alt: str

    @property
    def markdown(self) -> str:
        """An image with its data inside, for `MetadataValue.md`."""
        return f"![{self.alt}](data:image/png;base64,{base64.b64encode(self.png).decode()})"


def new_figure() -> "Figure":
    """An empty figure of the common size."""
    from matplotlib.figure import Figure

    return Figure(
        figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI),
        dpi=DPI,
        facecolor="white",
        layout="constrained",
    )


def make_plain(*all_axes: "Axes") -> None:
    """Give axes the common look; call it when all is drawn."""
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(labelsize=8, colors=DARK, length=3)
        axes.xaxis.label.set(size=9, color=DARK)
        axes.yaxis.label.set(size=9, color=DARK)
        legend = axes.get_legend()
        for text in legend.get_texts() if legend else ():
            text.set(size=8, color=DARK)


def to_picture(figure: "Figure", alt: str) -> Picture:
    """Draw a figure into a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # A palette halves the file, and the metadata of every materialization carries it.
    image = (
        Image.frombuffer("RGBA", (WIDTH_PX, HEIGHT_PX), canvas.buffer_rgba())
        .convert("RGB")
        .quantize(COLOURS)
    )
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return Picture(png=buffer.getvalue(), alt=alt)
