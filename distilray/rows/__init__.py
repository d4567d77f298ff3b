"""Rows: what they are, where they come from and where they go."""

from distilray.rows.card import dataset_card, hub_licence
from distilray.rows.export_forms import ExportForm
from distilray.rows.exporters import Exported, export, write_card
from distilray.rows.files import SourceFile, list_files
from distilray.rows.ids import child_id, content_hash, row_id
from distilray.rows.ingest import batches, check_source, read_batches, rows_of
from distilray.rows.outcome import Outcome, failed, kept, rejected
from distilray.rows.readers import Malformed, read_records
from distilray.rows.row import Row
from distilray.rows.schema import CORE, HISTORY, MESSAGES, SCHEMA_VERSION, column_type, schema_with
from distilray.rows.sources import Source, SourceError
from distilray.rows.tables import to_table
from distilray.rows.traces import MalformedRecord
from distilray.rows.traces import joined as join_trace
from distilray.rows.traces import part as part_trace

__all__ = [
    "CORE",
    "HISTORY",
    "MESSAGES",
    "SCHEMA_VERSION",
    "ExportForm",
    "Exported",
    "Malformed",
    "MalformedRecord",
    "Outcome",
    "Row",
    "Source",
    "SourceError",
    "SourceFile",
    "batches",
    "check_source",
    "child_id",
    "column_type",
    "content_hash",
    "dataset_card",
    "export",
    "failed",
    "hub_licence",
    "join_trace",
    "kept",
    "list_files",
    "part_trace",
    "read_batches",
    "read_records",
    "rejected",
    "row_id",
    "rows_of",
    "schema_with",
    "to_table",
    "write_card",
]
