"""The format of a result: binary where its values are read in less time than their texts.

PostgreSQL's protocol has a format for each column, libpq one for all of them: what the columns save
together decides. The first result of a prepared statement is text, and says the types of its
columns, which do not change while the statement stays prepared.
"""

from typing import Any

from psycopg import pq

# Nanoseconds that psycopg saves by reading a value in binary form, by the oid of its type; of an
# array, of one of three values. A sign is the same for 1, 100 and 10,000 rows. As measured by
# ``python tests/benchmarks/result_forms.py``.
# Only types whose values are equal in both forms. Others are read as text: float4, whose text has
# fewer digits; interval, whose infinity psycopg reads as no time from a text, and refuses in binary
# form; and those of a service, which psycopg does not know.
_SAVED: dict[int, int] = {
    16: 0,  # bool
    17: 47,  # bytea
    19: 0,  # name
    20: 25,  # int8
    21: 21,  # int2
    23: 22,  # int4
    25: 0,  # text
    701: 220,  # float8
    1042: 0,  # bpchar
    1043: 0,  # varchar
    1082: -60,  # date
    1083: 0,  # time
    1184: 44,  # timestamptz
    1700: -290,  # numeric
    2950: 36,  # uuid
    3802: 0,  # jsonb
    1000: 90,  # bool[]
    1001: 270,  # bytea[]
    1005: 150,  # int2[]
    1007: 150,  # int4[]
    1009: 100,  # text[]
    1014: 100,  # bpchar[]
    1015: 100,  # varchar[]
    1016: 170,  # int8[]
    1022: 780,  # float8[]
    1182: -60,  # date[]
    1183: 120,  # time[]
    1185: 150,  # timestamptz[]
    1231: -920,  # numeric[]
    2951: 390,  # uuid[]
    3807: 0,  # jsonb[]
}


def of(result: Any) -> pq.Format:
    """Return the format in which to ask for results with the columns of this one."""
    saved = 0
    for column in range(result.nfields):
        found = _SAVED.get(result.ftype(column))
        if found is None:
            return pq.Format.TEXT
        saved += found
    return pq.Format.BINARY if saved > 0 else pq.Format.TEXT
