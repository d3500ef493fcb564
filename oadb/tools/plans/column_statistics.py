"""What ANALYZE would find in the columns of a table of a given shape and size."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from oadb.tools.plans.derived_shapes import TIMES, WHOLE
from oadb.tools.plans.moments import ValueLimits
from oadb.tools.plans.restoring import RestoredColumn
from oadb.tools.plans.table_shapes import ColumnShape

# As default_statistics_target has it: the most values in the list of common ones, and the parts of
# a histogram.
_TARGET = 100

_DAY = 86_400  # seconds

# How many rows ANALYZE looks at.
_SAMPLE = 300 * _TARGET

# The numbers that ANALYZE keeps of how many items arrays have, the mean at the end.
_COUNTS = 11

# From this share of the rows on, ANALYZE takes it that the number of values grows with the rows.
_GROWING = 0.1


def statistics_of(
    relation: tuple[str, str],
    column: tuple[str, str],
    shape: ColumnShape,
    *,
    rows: float,
    distinct: float,
    limits: ValueLimits | None,
) -> RestoredColumn:
    """Return the statistics of a column of a table with rows.

    Args:
        relation: the schema and the name of the table, or of an index for an expression.
        column: its name and the name of its type.
        shape: what is in the column, derived where it was not given.
        rows: of the table, at least one.
        distinct: how many different values there are among them.
        limits: the least and the greatest value, if they are known.
    """
    nulls = shape.nulls or 0.0
    filled = max(1.0, rows * (1 - nulls))
    different = min(max(distinct, 1.0), filled)
    common = dict(shape.values) or _evenly(limits, column[1], different, filled, nulls)
    bounds = [*map(str, shape.bounds)] or (_bounds(limits, column[1], filled) if not common else [])
    return RestoredColumn(
        *relation,
        column[0],
        nulls,
        shape.width or 4,
        -different / rows if _grows(different, filled, rows) else different,
        [*common] or None,
        [*common.values()] or None,
        bounds if len(bounds) > 1 else None,
        _by_chance(common, nulls, different) if shape.correlation is None else shape.correlation,
        None if shape.items is None else [shape.items] * _COUNTS,
    )


def _grows(different: float, filled: float, rows: float) -> bool:
    """Say whether ANALYZE writes the number of values as a share of the rows.

    It does if no value is there twice, or if there are many.
    """
    return different >= filled or different > _GROWING * rows


def estimated_distinct(rows: float, different: float) -> float:
    """Return how many values ANALYZE takes a column to have, in which each row has one by chance.

    It looks at a sample of the rows, and where many values are in it once, underestimates them:
    see compute_scalar_stats in PostgreSQL, and Haas and Stokes, from whom the estimator is.

    Args:
        rows: of the table.
        different: how many values there are to choose from.
    """
    sample = min(rows, _SAMPLE)
    each = sample / different
    found, once = different * -math.expm1(-each), different * each * math.exp(-each)
    return sample * found / (sample - once + once * sample / rows)


def _by_chance(common: Mapping[str, float], nulls: float, different: float) -> float:
    """Return the correlation that ANALYZE finds where the order of rows says nothing.

    Equal values count as in order, so that one value that most rows have makes it high.
    """
    shares = [share / (1 - nulls) for share in common.values()] if nulls < 1 else []
    rest = max(0.0, 1 - sum(shares)) ** 2 / max(1.0, different - len(shares))
    return min(1.0, sum(share**2 for share in shares) + rest)


def _evenly(
    limits: ValueLimits | None, type_name: str, different: float, filled: float, nulls: float
) -> dict[str, float]:
    """Return the values of a column of few whole numbers, which ANALYZE lists all."""
    if limits is None or type_name not in WHOLE or filled < 2 * different:
        return {}
    first, last = math.ceil(limits.least), math.floor(limits.greatest)
    count = last - first + 1
    if not 1 <= count <= _TARGET:
        return {}
    return {str(value): (1 - nulls) / count for value in range(first, last + 1)}


def _bounds(limits: ValueLimits | None, type_name: str, filled: float) -> list[str]:
    if limits is None:
        return []
    # The first and the last of a few times are well within their limits.
    margin = 0.5 / filled if type_name in TIMES else 0.0
    inside = limits.part(margin, 1 - margin)
    size = inside.greatest - inside.least
    points = (inside.least + size * step / _TARGET for step in range(_TARGET + 1))
    return _without_repeats([_written(point, limits.origin, type_name) for point in points])


def _written(value: float, origin: datetime | None, type_name: str) -> str:
    if origin is not None and type_name == "date":  # whatever the time of day is
        return str(origin.date() + timedelta(days=math.floor(value / _DAY)))
    if origin is not None:
        return (origin + timedelta(microseconds=round(value * 1_000_000))).isoformat(" ")
    return str(round(value)) if type_name in WHOLE else repr(value)


def _without_repeats(texts: Sequence[str]) -> list[str]:
    return [*dict.fromkeys(texts)]
