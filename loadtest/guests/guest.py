"""What users of another engine do to our tables, with PyIceberg.

    python guest.py URL COMMAND [WORDS…]    on firn.events; each command is one change, as a user would make it
"""

import sys
from pathlib import Path
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.transforms import (
    BucketTransform, DayTransform, HourTransform, IdentityTransform, MonthTransform, TruncateTransform, YearTransform,
)
from pyiceberg.types import StringType

TRANSFORMS = {
    "identity": IdentityTransform(), "year": YearTransform(), "month": MonthTransform(), "day": DayTransform(), "hour": HourTransform(),
    "bucket": BucketTransform(8), "truncate": TruncateTransform(3),
}


def add_files(table, event_type, *ids):
    """A file as a job of somebody's wrote it: no field ids, no columns that it does not know."""
    day = "2026-01-05"
    rows = pa.table({
        "event_id": pa.array(ids, pa.string()), "event_type": pa.array([event_type] * len(ids), pa.string()),
        "event_time": pa.array([f"{day}T10:00:00Z"] * len(ids), pa.string()).cast(pa.timestamp("us", tz="UTC")),
        "received_at": pa.array([f"{day}T10:00:01Z"] * len(ids), pa.string()).cast(pa.timestamp("us", tz="UTC")),
        "committed_at": pa.array([f"{day}T10:00:02Z"] * len(ids), pa.string()).cast(pa.timestamp("us", tz="UTC")),
        "log_topic": pa.array(["imported"] * len(ids), pa.string()), "log_partition": pa.array([-1] * len(ids), pa.int32()),
        "log_offset": pa.array(range(len(ids)), pa.int64()),
    })
    folder = Path(urlparse(table.location()).path, "imported")
    folder.mkdir(exist_ok=True)
    pq.write_table(rows, folder / f"{ids[0]}.parquet")
    table.add_files([f"file://{folder}/{ids[0]}.parquet"])


def main(url, command, *words):
    catalog = RestCatalog("firn", uri=url, **{"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"})
    table = catalog.load_table(("firn", "events"))
    if command == "add-column":
        with table.update_schema() as update:
            update.add_column(words[0], StringType())
    elif command == "rename-column":
        with table.update_schema() as update:
            update.rename_column(words[0], words[1])
    elif command == "drop-column":
        with table.update_schema(allow_incompatible_changes=True) as update:
            update.delete_column(words[0])
    elif command == "add-field":
        with table.update_spec() as update:
            update.add_field(words[1], TRANSFORMS[words[0]], words[2])
    elif command == "remove-field":
        with table.update_spec() as update:
            update.remove_field(words[0])
    elif command == "upgrade":
        with table.transaction() as change:
            change.upgrade_table_version(format_version=int(words[0]))
    elif command == "set":
        with table.transaction() as change:
            change.set_properties({words[0]: words[1]})
    elif command == "tag":
        table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, words[0]).commit()
    elif command == "branch":
        table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, words[0]).commit()
    elif command == "delete-type":
        table.delete(EqualTo(words[0], words[1]))
    elif command == "add-files":
        add_files(table, *words)
    elif command == "rename-table":
        catalog.rename_table(("firn", "events"), ("firn", words[0]))
    else:
        raise SystemExit(f"unknown command {command}")


if sys.argv[2] == "rename-table-back":
    RestCatalog("firn", uri=sys.argv[1]).rename_table(("firn", sys.argv[3]), ("firn", "events"))
else:
    main(*sys.argv[1:])
