"""Manifests for Kubernetes clusters with the KubeRay operator.

distilray cluster check deploy
distilray cluster check deploy --crds kuberay/helm-chart/kuberay-operator/crds --gate RayCronJob
kubectl kustomize deploy | distilray cluster check -

`check` needs no cluster: it applies the rules of the operator (1.7), which an API server does not know, to every
manifest of its kinds, and with --crds their schemas, fields that they do not know included.
"""

from __future__ import annotations

import argparse
import sys

from distilray.errors import InputError, counted
from distilray.kuberay import Schemas, check_documents, parse_gates, read_documents


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="check", required=True)
    check = verbs.add_parser("check", help="check manifests against the operator's rules")
    check.add_argument("paths", nargs="+", metavar="DIR|FILE", help="manifests; - reads a pipe")
    check.add_argument("--crds", metavar="DIR", help="the operator's CRDs, whose schemas are checked too")
    check.add_argument(
        "--gate", action="append", default=[], metavar="NAME[=false]",
        help="a feature gate of the operator that is on, beside those that are by default; may be repeated",
    )  # fmt: skip


def call(options: argparse.Namespace) -> int:
    gates = parse_gates(options.gate)
    schemas = Schemas.read(options.crds) if options.crds else None
    found = check_documents(read_documents(options.paths), gates, schemas)
    for refusal in found.refusals:
        print(refusal, file=sys.stderr)
    what = counted(len(found.checked), "manifest")
    others = f"; {', '.join(found.others)}: not KubeRay's, not checked" if found.others else ""
    print(f"{what} of KubeRay's checked, {counted(len(found.refusals), 'problem')}{others}")
    return InputError.exit_code if found.refusals else 0
