"""The learning curve of a training as a picture."""

from collections.abc import Sequence

from ml_platform.pictures import DARK, GREY, LINES, Picture, make_plain, new_figure, to_picture
from ml_platform.training.result import EpochRecord


def learning_curve(
    history: Sequence[EpochRecord],
    *,
    train: str = "train_loss",
    validation: str = "validation_loss",
) -> Picture:
    """Loss of training and validation rows over the epochs; marks the best epoch.

    Args:
        history: One record an epoch, oldest first; a metric that is not there is not drawn.
        train: Name of the training loss.
        validation: Name of the validation loss.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure()
    axes = figure.subplots()
    for name, words, (colour, marker) in (
        (train, "training", LINES[0]),
        (validation, "validation", LINES[1]),
    ):
        points = [(one.epoch, one.metrics[name]) for one in history if name in one.metrics]
        if points:
            epochs, losses = zip(*points, strict=True)
            axes.plot(
                epochs,
                losses,
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=1.6,
                label=words,
            )
    alt = f"Loss over {len(history)} epoch{'' if len(history) == 1 else 's'}"
    seen = [one for one in history if validation in one.metrics]
    if seen:
        best = min(seen, key=lambda one: one.metrics[validation])
        loss = best.metrics[validation]
        axes.axvline(
            best.epoch,
            color=GREY,
            linewidth=1,
            linestyle="--",
            zorder=0,
            label=f"best: {loss:.4f} in epoch {best.epoch}",
        )
        alt = f"{alt}; lowest validation loss {loss:.4f} in epoch {best.epoch}"
    axes.set(xlabel="epoch", ylabel="loss")
    axes.set_title("Learning curve", loc="left", fontsize=10, fontweight="bold", color=DARK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.15)
    if history:
        axes.set_xlim(history[0].epoch - 0.5, history[-1].epoch + 0.5)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    make_plain(axes)
    return to_picture(figure, alt)
