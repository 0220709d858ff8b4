"""Rows as snapshots keep them: the same types whatever the engine, and a label of 0 and 1."""

from typing import TYPE_CHECKING

from ml_platform.errors import TrainingSetError
from ml_platform.training_set.spec import FeaturesSpec

if TYPE_CHECKING:
    import pyarrow as pa


def normalised(batch: "pa.RecordBatch", spec: FeaturesSpec) -> "pa.RecordBatch":
    """The columns of a snapshot: numbers float32, categories string, label int8, moments UTC.

    Raises:
        TrainingSetError: a value cannot be what its column is called in `defs.yaml`; names the
            column, its type and the cure.
    """
    import pyarrow as pa

    types = (
        dict.fromkeys(spec.numbers, pa.float32())
        | dict.fromkeys(spec.categories, pa.string())
        | dict.fromkeys((spec.event_time, spec.known_at), pa.timestamp("us"))
    )
    arrays = []
    for name in spec.columns:
        array = batch.column(name)
        if name == spec.label:
            array = _label(array, spec)
        elif name in types:
            kept = _cast(array, types[name], name, spec)
            _require_in_range(array, kept, name, spec)
            array = kept
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=list(spec.columns))


def _label(array: "pa.Array", spec: FeaturesSpec) -> "pa.Array":
    """Judged by its values: no sum tells -1 and 1, or 0 and 2, from 0 and 1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(array.type):
        return array.cast(pa.int8())
    values = _cast(array, pa.float64(), spec.label, spec)
    binary = pc.or_(pc.equal(values, 0.0), pc.equal(values, 1.0))
    if not pc.all(binary, min_count=0).as_py():  # nulls are neither: they are left out
        found = array.filter(pc.invert(binary)).unique().slice(0, 3).to_pylist()
        raise TrainingSetError(
            f"{spec.label} of {spec.table}, the label, is neither 0 nor 1 but "
            f"{', '.join(map(str, found))}",
            hint=f"make it 0 or 1, or true or false, in {spec.table}; null where it is not known.",
        )
    return values.cast(pa.int8())


def _require_in_range(array: "pa.Array", kept: "pa.Array", name: str, spec: FeaturesSpec) -> None:
    """A finite number that became infinite would count as missing, and nobody would know."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_floating(array.type) and kept.type == pa.float32()):
        return
    lost = pc.and_(pc.is_inf(kept), pc.is_finite(array))
    count = pc.sum(lost).as_py()
    if count:
        largest = pc.max(pc.abs(array.filter(lost))).as_py()
        raise TrainingSetError(
            f"{name} of {spec.table} has {count} numbers beyond what 32 bits hold (3.4e38), up to "
            f"{largest:.3g}",
            hint=f"scale {name} in {spec.table}, such as by its logarithm; null where it is not "
            "known.",
        )


def _cast(array: "pa.Array", kind: "pa.DataType", name: str, spec: FeaturesSpec) -> "pa.Array":
    """Numbers are rounded to the nearest and moments cut to microseconds, as all engines do."""
    import pyarrow as pa

    rounds = pa.types.is_integer(array.type) or pa.types.is_timestamp(array.type)
    try:
        if pa.types.is_timestamp(array.type) and array.type.tz is not None:
            array = array.cast(pa.timestamp("us", tz="UTC"), safe=False)
        return array.cast(kind, safe=not rounds)
    except pa.ArrowException as error:
        raise TrainingSetError(
            f"{name} of {spec.table} is {array.type} and cannot be made {kind}: {error}",
            hint=f"cast {name} in {spec.table}, or give it another part in defs.yaml; "
            "`mlp model check` looks at the types of all columns.",
        ) from error
