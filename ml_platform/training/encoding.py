"""Fits and applies the encoding of features: vocabularies and scales from the window's profile."""

import hashlib
from typing import TYPE_CHECKING, Any

from ml_platform.training.api import FeatureEncoding
from ml_platform.training_set.profile import Profile
from ml_platform.training_set.spec import FeaturesSpec

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def fit_encoding(profile: Profile, spec: FeaturesSpec) -> FeatureEncoding:
    """The encoding of a window, from the merged profiles of its days."""
    numbers = [profile.numbers[name] for name in spec.numbers]
    vocabularies = []
    for name in spec.categories:
        counts = profile.categories[name].counts
        kept = (value for value, count in counts.items() if count >= spec.min_category_count)
        vocabularies.append(tuple(sorted(kept)))
    return FeatureEncoding(
        numbers=spec.numbers,
        means=tuple(number.mean for number in numbers),
        scales=tuple(number.standard_deviation or 1.0 for number in numbers),
        categories=spec.categories,
        vocabularies=tuple(vocabularies),
        label=spec.label,
    )


def encoding_hash(encoding: FeatureEncoding) -> str:
    """Twelve hex digits over the encoding."""
    return hashlib.sha256(encoding.model_dump_json().encode()).hexdigest()[:12]


class Encoder:
    """Applies an encoding to Arrow rows; makes arrays that are packed by type.

    Args:
        encoding: Names, scales and vocabularies.
    """

    def __init__(self, encoding: FeatureEncoding) -> None:
        import numpy as np
        import pyarrow as pa

        self.encoding = encoding
        self.columns = [*encoding.numbers, *encoding.categories, encoding.label]
        self._means = np.asarray(encoding.means, np.float32)
        self._scales = np.asarray(encoding.scales, np.float32)
        self._vocabularies = [pa.array(v, pa.string()) for v in encoding.vocabularies]

    def encode(
        self, table: "pa.Table"
    ) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]":
        """Numbers float32 (rows, n), categories int32 (rows, m), label float32 (rows,)."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        encoding = self.encoding
        numbers = np.empty((table.num_rows, len(encoding.numbers)), np.float32)
        for i, name in enumerate(encoding.numbers):
            column = table.column(name)
            numbers[:, i] = (column.to_numpy() - self._means[i]) / self._scales[i]
        np.nan_to_num(numbers, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        categories = np.empty((table.num_rows, len(encoding.categories)), np.int32)
        for i, name in enumerate(encoding.categories):
            found = pc.index_in(table.column(name), value_set=self._vocabularies[i])
            categories[:, i] = pc.add(pc.fill_null(found, -1), pa.scalar(1, pa.int32())).to_numpy()
        label = table.column(encoding.label).to_numpy().astype(np.float32)
        return numbers, categories, label
