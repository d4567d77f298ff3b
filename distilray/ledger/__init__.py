"""The ledger: a run's record. Where its files lie, who may write them, what became of every row."""

from distilray.ledger.attempts import Attempts
from distilray.ledger.counts import USAGE, StepCounts, UnitCounts, add_numbers, add_steps, add_usage
from distilray.ledger.lease import Lease, RunIsHeld
from distilray.ledger.manifest import Manifest, fingerprint, now, open_stage
from distilray.ledger.replies import DamagedLog, ReplyLog
from distilray.ledger.store import Store
from distilray.ledger.unit import UnitInput, kept_rows, read_unit_counts, write_unit

__all__ = [
    "USAGE",
    "Attempts",
    "DamagedLog",
    "Lease",
    "Manifest",
    "ReplyLog",
    "RunIsHeld",
    "StepCounts",
    "Store",
    "UnitCounts",
    "UnitInput",
    "add_numbers",
    "add_steps",
    "add_usage",
    "fingerprint",
    "kept_rows",
    "now",
    "open_stage",
    "read_unit_counts",
    "write_unit",
]
