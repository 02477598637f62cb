"""PyIceberg as a judge of our tables: counts under filters, at snapshots, and rows as canonical text.

    python judge.py ask QUESTIONS.json    prints {"counts": {name: n}} and writes one text file per question that asks for rows
    python judge.py add-column URL NAMESPACE TABLE COLUMN
    python judge.py snapshots URL NAMESPACE TABLE

The form of QUESTIONS.json and of a canonical row is described in ../question.ts.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.expressions import (
    AlwaysTrue, And, EqualTo, GreaterThanOrEqual, In, IsNull, LessThan, Not, NotNull, Or, StartsWith,
)
from pyiceberg.types import StringType

SEPARATOR = "\x1f"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def connect(url):
    return RestCatalog("firn", uri=url, **{"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"})


def literal(node):
    kind, value = node["kind"], node["value"]
    return {"long": int, "decimal": Decimal, "double": float}.get(kind, str)(value)


def expression(e):
    if e is None:
        return AlwaysTrue()
    op = e[0]
    if op == "and":
        return And(expression(e[1]), expression(e[2]))
    if op == "or":
        return Or(expression(e[1]), expression(e[2]))
    if op == "not":
        return Not(expression(e[1]))
    if op == "is-null":
        return IsNull(e[1])
    if op == "not-null":
        return NotNull(e[1])
    if op == "in":
        return In(e[1], [literal(v) for v in e[2]])
    return {"=": EqualTo, "<": LessThan, ">=": GreaterThanOrEqual, "starts-with": StartsWith}[op](e[1], literal(e[2]))


def text(value, kind):
    if value is None:
        return "\\N"
    if kind == "timestamptz":
        return str((value - EPOCH) // timedelta(microseconds=1))
    if kind == "double":
        return str(int(Decimal(value * 1e6).to_integral_value(rounding="ROUND_HALF_UP")))
    if kind == "string":
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return str(value)


def canonical_rows(table, columns):
    """One text per row of an Arrow table, columns in the given order; a column that is absent reads as null."""
    texts = []
    for column in columns:
        path, kind = column["path"].split("."), column["kind"]
        if path[0] in table.column_names:
            values = table.column(path[0]).to_pylist()
            for name in path[1:]:
                values = [None if v is None else v.get(name) for v in values]
        else:
            values = [None] * table.num_rows
        texts.append([text(v, kind) for v in values])
    return (SEPARATOR.join(parts) for parts in zip(*texts))


def ask(file):
    questions = json.loads(Path(file).read_text())
    table = connect(questions["catalog"]).load_table((questions["namespace"], questions["table"]))
    counts = {}
    for q in questions["questions"]:
        snapshot = None if q["snapshot"] is None else int(q["snapshot"])
        scan = table.scan(row_filter=expression(q["filter"]), snapshot_id=snapshot)
        arrow = scan.to_arrow() if q["rows"] else scan.select(table.schema().fields[0].name).to_arrow()
        counts[q["name"]] = arrow.num_rows
        if q["rows"]:
            with open(Path(questions["folder"], f"pyiceberg-{q['name']}.txt"), "w", newline="") as out:
                for row in canonical_rows(arrow, questions["columns"]):
                    out.write(row + "\n")
    print(json.dumps({"counts": counts}))


def main(command, *args):
    if command == "ask":
        return ask(*args)
    table = connect(args[0]).load_table((args[1], args[2]))
    if command == "add-column":
        with table.update_schema() as update:
            update.add_column(args[3], StringType(), doc="added by another engine")
    elif command == "snapshots":
        print(json.dumps([str(s.snapshot_id) for s in table.snapshots()]))
    else:
        raise SystemExit(f"unknown command {command}")


main(*sys.argv[1:])
