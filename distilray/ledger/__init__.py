"""The ledger: a run's record. Where its files lie, who may write them, what became of every row."""

from distilray.ledger.attempts import Attempts
from distilray.ledger.claim import read_claims
from distilray.ledger.counts import USAGE, StepCounts, UnitCounts, add_numbers, add_steps, add_usage
from distilray.ledger.lease import Lease, RunIsHeld
from distilray.ledger.lineage import Lineage, Passage, UnknownRow, lineage
from distilray.ledger.manifest import SET_ASIDE, Manifest, fingerprint, now, open_stage
from distilray.ledger.reconcile import Reconciliation, StageReport, read_footers, reconcile
from distilray.ledger.replies import REPLIES, DamagedLog, ReplyLog
from distilray.ledger.stages import StageFiles, list_stages, list_trainings
from distilray.ledger.store import Store, StoreError
from distilray.ledger.unit import UnitInput, kept_rows, read_unit_counts, unit_columns, write_unit

__all__ = [
    "REPLIES",
    "SET_ASIDE",
    "USAGE",
    "Attempts",
    "DamagedLog",
    "Lease",
    "Lineage",
    "Manifest",
    "Passage",
    "Reconciliation",
    "ReplyLog",
    "RunIsHeld",
    "StageFiles",
    "StageReport",
    "StepCounts",
    "Store",
    "StoreError",
    "UnitCounts",
    "UnitInput",
    "UnknownRow",
    "add_numbers",
    "add_steps",
    "add_usage",
    "fingerprint",
    "kept_rows",
    "lineage",
    "list_stages",
    "list_trainings",
    "now",
    "open_stage",
    "read_claims",
    "read_footers",
    "read_unit_counts",
    "reconcile",
    "unit_columns",
    "write_unit",
]
