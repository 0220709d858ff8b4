"""Baselines that a model must hold its own against, fitted on the rows of the same window.

They are honest competitors, not straw men: the logistic regression is regularised and converges,
the trees are small, slow learners that stop early. Both see every feature that the model sees, the
categories natively, and both are deterministic by seed.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ml_platform.errors import EvaluationError
from ml_platform.evaluation.metrics import Scored
from ml_platform.evaluation.report import RivalName

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, Any]

# A value seen less often than this says more about its few rows than about the next day's.
MIN_CATEGORY_COUNT: Final = 20
# HistGradientBoosting sorts a category into at most 255 bins; code 0 is for all other values.
MAX_CATEGORY_VALUES: Final = 254
MISSING: Final = "\0missing"


class Baseline(Protocol):
    """A fitted baseline."""

    def predict(self, table: "pa.Table") -> "Array":
        """Probabilities of the label, float64, (rows,)."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseRate:
    """The window's share of positives, for every row."""

    rate: float

    def predict(self, table: "pa.Table") -> "Array":
        """The same probability for each row."""
        import numpy as np

        return np.full(table.num_rows, self.rate)


def fit_baselines(
    table: "pa.Table",
    *,
    numbers: Sequence[str],
    categories: Sequence[str],
    label: str,
    seed: int,
) -> dict[RivalName, Baseline]:
    """Fit all baselines on the rows of a window, in the order of its days.

    A window whose rows all have one label leaves nothing to learn: each baseline is the base rate.

    Raises:
        EvaluationError: the window is empty, or a column is missing.
    """
    columns = _Columns.fit(table, numbers=numbers, categories=categories)
    labels = labels_of(table, label)
    if not len(labels):
        raise EvaluationError(
            "the training window has no rows to fit baselines on",
            hint="look at the training set of the window's days: are they empty?",
        )
    base_rate = BaseRate(rate=float(labels.mean()))
    if base_rate.rate in (0.0, 1.0):
        return {
            "base_rate": base_rate,
            "logistic_regression": base_rate,
            "gradient_boosted_trees": base_rate,
        }
    with _one_thread():
        return {
            "base_rate": base_rate,
            "logistic_regression": _logistic_regression(columns, table, labels, seed),
            "gradient_boosted_trees": _gradient_boosted_trees(columns, table, labels, seed),
        }


def score_baselines(
    baselines: Mapping[RivalName, Baseline], table: "pa.Table", *, label: str
) -> dict[RivalName, Scored]:
    """Predictions of each baseline for the rows of one held-out partition, in their order."""
    labels = labels_of(table, label)
    return {name: Scored(labels, model.predict(table)) for name, model in baselines.items()}


def labels_of(table: "pa.Table", label: str) -> "Array":
    """The label's column as float64, (rows,).

    Raises:
        EvaluationError: there is no such column.
    """
    import pyarrow as pa

    _require(table, [label])
    return table.column(label).cast(pa.int8()).cast(pa.float64()).to_numpy()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """The feature columns and, for each category, the values that the window has often enough."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    vocabularies: tuple["pa.Array", ...]

    @classmethod
    def fit(
        cls, table: "pa.Table", *, numbers: Sequence[str], categories: Sequence[str]
    ) -> "_Columns":
        _require(table, [*numbers, *categories])
        # A number that the window never knows teaches nothing, and scikit-learn 1.9 cannot bin it.
        return cls(
            numbers=tuple(name for name in numbers if not _all_missing(table, name)),
            categories=tuple(categories),
            vocabularies=tuple(_vocabulary(_text(table, name)) for name in categories),
        )

    def number_values(self, table: "pa.Table") -> "Array":
        """float64, (rows, numbers); missing is NaN."""
        import numpy as np

        values = [_floats(table, name) for name in self.numbers]
        return np.column_stack(values) if values else np.empty((table.num_rows, 0))

    def category_codes(self, table: "pa.Table") -> "Array":
        """int64, (rows, categories); 0 is any value outside the vocabulary."""
        import numpy as np
        import pyarrow.compute as pc

        codes = [
            pc.fill_null(pc.index_in(_text(table, name), values), -1).to_numpy().astype(np.int64)
            + 1
            for name, values in zip(self.categories, self.vocabularies, strict=True)
        ]
        return np.column_stack(codes) if codes else np.empty((table.num_rows, 0), dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fitted:
    """A scikit-learn classifier over numbers first, then the categories' codes."""

    columns: _Columns
    classifier: Any

    def predict(self, table: "pa.Table") -> "Array":
        with _one_thread():
            return self.classifier.predict_proba(_matrix(self.columns, table))[:, 1]


def _one_thread() -> AbstractContextManager[Any]:
    """Keep scikit-learn to one thread.

    A second one gains nothing on a window of some 25,000 rows, and beside a running training the
    threads wait for each other in busy loops: eight times the wall time on two busy cores.
    """
    import sklearn.ensemble  # noqa: F401 — only libraries that are loaded are limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1)


def _logistic_regression(
    columns: _Columns, table: "pa.Table", labels: "Array", seed: int
) -> Baseline:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    width = len(columns.numbers)
    encoded = make_column_transformer(
        (
            make_pipeline(
                # An indicator beside each number that is ever missing.
                SimpleImputer(strategy="median", add_indicator=True),
                StandardScaler(),
            ),
            list(range(width)),
        ),
        (
            OneHotEncoder(
                categories=[list(range(len(values) + 1)) for values in columns.vocabularies],
                handle_unknown="error",
            ),
            list(range(width, width + len(columns.categories))),
        ),
        # Dense numbers beside sparse categories: one matrix of this density or less stays sparse.
        sparse_threshold=1.0,
    )
    classifier = make_pipeline(
        encoded, LogisticRegression(C=0.03, solver="lbfgs", max_iter=2000, random_state=seed)
    )
    return _Fitted(columns=columns, classifier=classifier.fit(_matrix(columns, table), labels))


def _gradient_boosted_trees(
    columns: _Columns, table: "pa.Table", labels: "Array", seed: int
) -> Baseline:
    from sklearn.ensemble import HistGradientBoostingClassifier

    width = len(columns.numbers)
    classifier = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=15,
        min_samples_leaf=100,
        max_features=0.5,
        l2_regularization=10.0,
        categorical_features=list(range(width, width + len(columns.categories))),
        early_stopping=True,
        # Rows at random: stopping by the window's last days alone fits those days and lost 0.01 of
        # ROC AUC on the days after.
        validation_fraction=0.1,
        n_iter_no_change=20,
        random_state=seed,
    )
    return _Fitted(columns=columns, classifier=classifier.fit(_matrix(columns, table), labels))


def _matrix(columns: _Columns, table: "pa.Table") -> "Array":
    import numpy as np

    return np.hstack([columns.number_values(table), columns.category_codes(table)])


def _floats(table: "pa.Table", name: str) -> "Array":
    """A column as float64, (rows,); what is missing or infinite is NaN."""
    import numpy as np
    import pyarrow as pa

    values = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(values), values, np.nan)


def _text(table: "pa.Table", name: str) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.fill_null(table.column(name).cast(pa.string()), MISSING)


def _all_missing(table: "pa.Table", name: str) -> bool:
    import numpy as np

    return bool(np.isnan(_floats(table, name)).all())


def _vocabulary(values: "pa.ChunkedArray") -> "pa.Array":
    """The most frequent values, by count and then by name: ties do not hang on the rows' order."""
    import pyarrow as pa

    counted = [(entry["counts"], entry["values"]) for entry in values.value_counts().to_pylist()]
    often = [(-count, value) for count, value in counted if count >= MIN_CATEGORY_COUNT]
    return pa.array([value for _, value in sorted(often)[:MAX_CATEGORY_VALUES]], pa.string())


def _require(table: "pa.Table", names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise EvaluationError(
            f"the snapshot has no column {', '.join(missing)}; it has "
            f"{', '.join(table.column_names)}",
            hint="materialize the training set of these days with the features of today.",
        )
