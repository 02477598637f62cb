"""Another engine at our tables: PyIceberg, kept running, does what one line of JSON on its input says and answers with one line.

    python guest.py CATALOG_URL

A command is {"do": name, …}; the answer {"ok": …} or {"error": text}. Columns of ours are named as their makers recorded them in
the property firn.columns and found by field id, so that a renamed one is still the same column.
"""

import json
import os
import sys
import urllib.request
import warnings
from datetime import datetime, timedelta, timezone

warnings.filterwarnings("ignore")

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from pyiceberg.catalog.rest import RestCatalog  # noqa: E402
from pyiceberg.expressions import EqualTo, In  # noqa: E402
from pyiceberg.transforms import parse_transform  # noqa: E402
from pyiceberg.types import DecimalType, LongType, StringType  # noqa: E402

URL = sys.argv[1]
# What a library prints is no answer.
answers, sys.stdout = sys.stdout, sys.stderr
catalog = RestCatalog("firn", uri=URL, **{"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"})
TYPES = {"string": StringType(), "long": LongType(), "decimal(20, 2)": DecimalType(20, 2)}


def load(command):
    return catalog.load_table(command.get("table", "firn.events"))


def name_of(table, recorded):
    """The column's name now."""
    path = table.schema().find_column_name(json.loads(table.properties["firn.columns"])[recorded])
    if path is None:
        raise ValueError(f"{recorded} is no column any more")
    return path


def raw(table, updates):
    """A commit that PyIceberg has no call for."""
    namespace, name = table.split(".")
    body = json.dumps({"requirements": [], "updates": updates}).encode()
    request = urllib.request.Request(f"{URL}/v1/namespaces/{namespace}/tables/{name}", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


def retry(work):
    """PyIceberg's metadata commits lose against the writer's: it is told to try again, as its users are."""
    for attempt in range(20):
        try:
            return work()
        except Exception as error:
            if attempt == 19 or "CommitFailed" not in type(error).__name__:
                raise


def spec(command):
    def work():
        table = load(command)
        with table.update_spec() as update:
            for name in command.get("remove", []):
                update.remove_field(name)
            for old, new in command.get("rename", []):
                update.rename_field(old, new)
            for column, transform, name in command.get("add", []):
                update.add_field(name_of(table, column), parse_transform(transform), name)
    retry(work)


def schema(command):
    def work():
        table = load(command)
        with table.update_schema(allow_incompatible_changes=True) as update:
            for old, new in command.get("rename", []):
                update.rename_column(name_of(table, old), new)
            for name in command.get("drop", []):
                update.delete_column(name_of(table, name))
            for name in command.get("remove", []):
                update.delete_column(name)
            for name, kind in command.get("add", []):
                update.add_column(name, TYPES[kind])
            for name, kind in command.get("widen", []):
                update.update_column(name_of(table, name), TYPES[kind])
            for name in command.get("optional", []):
                update.make_column_optional(name)
            for name, new in command.get("move", []):
                update.rename_column(name, new)
            for name in command.get("first", []):
                update.move_first(name_of(table, name))
    retry(work)


def require(command):
    """A required column in a table with rows: PyIceberg refuses it, other engines do not."""
    table = load(command)
    now = json.loads(table.schema().model_dump_json())
    now["fields"].append({"id": table.metadata.last_column_id + 1, "name": command["column"], "required": True, "type": "string"})
    raw(command.get("table", "firn.events"), [{"action": "add-schema", "schema": now}, {"action": "set-current-schema", "schema-id": -1}])


def upgrade(command):
    raw(command.get("table", "firn.events"), [{"action": "upgrade-format-version", "format-version": 3}])


def properties(command):
    def work():
        transaction = load(command).transaction()
        transaction.set_properties(command.get("set", {}))
        if command.get("remove"):
            transaction.remove_properties(*command["remove"])
        transaction.commit_transaction()
    retry(work)


def rows_for(command, table):
    """Rows that another engine has of its own, of one partition."""
    now = datetime.now(timezone.utc)
    known = {
        "event_id": command["ids"], "event_type": ["page_view"] * len(command["ids"]), "event_time": [now] * len(command["ids"]),
        "received_at": [now] * len(command["ids"]), "committed_at": [now] * len(command["ids"]), "user_id": ["guest"] * len(command["ids"]),
        "log_topic": ["guest"] * len(command["ids"]), "log_partition": [0] * len(command["ids"]), "log_offset": list(range(len(command["ids"]))),
    }
    arrow = table.schema().as_arrow()
    fields = [(recorded, arrow.field(name_of(table, recorded))) for recorded in known]
    return pa.table([pa.array(known[recorded], field.type) for recorded, field in fields], schema=pa.schema([pa.field(field.name, field.type, field.nullable) for _, field in fields]))


def add_files(command):
    """A file that knows nothing of field ids; PyIceberg gives the table a name mapping for it."""
    table = load(command)
    plain = rows_for(command, table)
    plain = plain.cast(pa.schema([pa.field(f.name, f.type, f.nullable) for f in plain.schema]))
    path = os.path.join(command["folder"], f"{command['ids'][0]}.parquet")
    pq.write_table(plain, path)
    retry(lambda: load(command).add_files([f"file://{path}"]))


def append(command):
    table = load(command)
    full = rows_for(command, table)
    target = pa.schema([pa.field(f.name, f.type, True) for f in table.schema().as_arrow()])
    columns = [full.column(f.name) if f.name in full.column_names else pa.nulls(full.num_rows, f.type) for f in target]
    arrow = table.schema().as_arrow()
    batch = pa.table(columns, schema=pa.schema([pa.field(f.name, f.type, f.nullable) for f in arrow]))
    retry(lambda: load(command).append(batch, branch=command.get("branch", "main")))


def delete(command):
    retry(lambda: load(command).delete(In(name_of(load(command), "event_id"), command["ids"])))


def refs(command):
    def work():
        table = load(command)
        update = table.manage_snapshots()
        current = table.current_snapshot().snapshot_id
        if "tag" in command:
            update = update.create_tag(current, command["tag"])
        if "branch" in command:
            update = update.create_branch(current, command["branch"])
        update.commit()
    retry(work)


def expire(command):
    def work():
        table = load(command)
        kept = {ref.snapshot_id for ref in table.refs().values()}
        old = [s.snapshot_id for s in sorted(table.snapshots(), key=lambda s: s.sequence_number)[:-1] if s.snapshot_id not in kept]
        table.maintenance.expire_snapshots().by_ids(old[: command["count"]]).commit()
        return len(old[: command["count"]])
    return retry(work)


def rename_table(command):
    catalog.rename_table(command["from"], command["to"])


def rollback(command):
    def work():
        table = load(command)
        before = sorted(table.history(), key=lambda entry: entry.timestamp_ms)[-1 - command["steps"]].snapshot_id
        table.manage_snapshots().set_current_snapshot(before).commit()
    retry(work)


def read(command):
    """Every row, by the recorded columns; and what filters on one of them find."""
    table = load(command)
    columns = command["columns"]
    names = [name_of(table, column) for column in columns]
    rows = table.scan(selected_fields=tuple(dict.fromkeys(names))).to_arrow()
    values = [[None if value is None else str(value) for value in rows.column(name).to_pylist()] for name in names]
    wrong = []
    for column, value in command.get("filters", []):
        at = columns.index(column)
        should = sum(1 for each in values[at] if each == value)
        found = table.scan(row_filter=EqualTo(names[at], value), selected_fields=(names[0],)).to_arrow().num_rows
        if found != should:
            wrong.append(f"{column} = {value}: {found} of {should} rows")
    return {"rows": list(zip(*values)), "wrong": wrong}


WHAT = {name: globals()[name] for name in ("spec", "schema", "require", "upgrade", "properties", "add_files", "append", "delete", "rename_table", "refs", "expire", "rollback", "read")}
print(json.dumps({"ok": "ready"}), flush=True, file=answers)
for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = {"ok": WHAT[command["do"]](command)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"[:400]}
    print(json.dumps(answer, default=str), flush=True, file=answers)
