"""Manifests for Kubernetes clusters with the KubeRay operator.

distilray cluster render jobs/recipes/answer-and-sft.yaml --out deploy --run s3://bucket/runs/first
distilray cluster render recipe.yaml --out deploy --machines 2x8x80 --queue team-a --nightly "0 2 * * *"
distilray cluster check deploy --crds kuberay/helm-chart/kuberay-operator/crds --gate RayCronJob
kubectl kustomize deploy | distilray cluster check -

Both need no cluster. `render` sizes nodes, memory, volumes and deadlines by the recipe's plan. `check` applies the
rules of the operator (1.7), which an API server does not know, to every manifest of its kinds, and with --crds their
schemas, fields that they do not know included. docs/kuberay.md says more.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from distilray.cli.argtypes import row_count
from distilray.errors import InputError, counted
from distilray.kuberay import RenderSettings, Schemas, check_documents, parse_gates, read_documents, render

DEFAULT = RenderSettings()


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="render|check", required=True)
    _render_arguments(verbs.add_parser("render", help="write a recipe's manifests"))
    check = verbs.add_parser("check", help="check manifests against the operator's rules")
    check.add_argument("paths", nargs="+", metavar="DIR|FILE", help="manifests; - reads a pipe")
    check.add_argument("--crds", metavar="DIR", help="the operator's CRDs, whose schemas are checked too")
    check.add_argument(
        "--gate", action="append", default=[], metavar="NAME[=false]",
        help="a feature gate of the operator that is on, beside those that are by default; may be repeated",
    )  # fmt: skip


def _render_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="path or URI of the recipe")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="dotted keys of the recipe to set")
    parser.add_argument("--out", required=True, metavar="DIR", help="directory to write: new, empty, or written before")
    parser.add_argument("--run", metavar="DIR", help="run directory: below /runs, a volume, or a URI (/runs/NAME)")
    parser.add_argument("--name", help="name of the objects (default: made of the recipe's)")
    parser.add_argument("--namespace", metavar="NAME", help="of the objects (default: that of kubectl)")
    nodes = parser.add_argument_group("nodes")
    nodes.add_argument(
        "--machines", action="append", default=[], metavar="[TYPE=]8x80",
        help="GPUs x GiB of a machine, or nodes x GPUs x GiB, as `distilray plan` takes them; may be repeated for each "
        "TYPE that the recipe names as accelerator_type (default: as many 8x80 as the recipe needs)",
    )  # fmt: skip
    nodes.add_argument(
        "--node-selector", action="append", default=[], metavar="[TYPE:]KEY=VALUE",
        help="label of the nodes with GPUs; may be repeated",
    )  # fmt: skip
    nodes.add_argument("--cpu-node", default=DEFAULT.cpu_node, metavar="16x64",
                       help=f"CPUs x GiB of the largest node without GPUs (default {DEFAULT.cpu_node})")  # fmt: skip
    nodes.add_argument("--fixed", action="store_true", help="all nodes from the start, no autoscaler")
    nodes.add_argument("--queue", metavar="NAME", help="LocalQueue of Kueue, which starts the run; implies --fixed")
    nodes.add_argument("--image", default=DEFAULT.image, help=f"of nodes without GPUs (default {DEFAULT.image})")
    nodes.add_argument("--gpu-image", default=DEFAULT.gpu_image, help=f"of others (default {DEFAULT.gpu_image})")
    nodes.add_argument("--storage-class", metavar="NAME", help="of the volumes, which many nodes write")
    nodes.add_argument("--storage-gib", type=row_count, default=DEFAULT.storage_gib, metavar="N",
                       help=f"size of each volume (default {DEFAULT.storage_gib})")  # fmt: skip
    times = parser.add_argument_group("times")
    times.add_argument("--hours", type=float, default=DEFAULT.hours, metavar="N",
                       help=f"that steps and trainings may take; twice that is the deadline (default {DEFAULT.hours:g};"
                       " `distilray plan --pilot` predicts those of the steps)")  # fmt: skip
    times.add_argument("--retries", type=int, default=DEFAULT.retries, metavar="N",
                       help=f"fresh clusters that go on with the run (default {DEFAULT.retries})")  # fmt: skip
    times.add_argument("--nightly", metavar="SCHEDULE", help='evaluate the student on a schedule: "0 2 * * *"')
    times.add_argument("--time-zone", default=DEFAULT.time_zone, metavar="ZONE", help=f"(default {DEFAULT.time_zone})")


def call(options: argparse.Namespace) -> int:
    return _render(options) if options.verb == "render" else _check(options)


def _render(options: argparse.Namespace) -> int:
    given = {field.name for field in dataclasses.fields(RenderSettings)} & vars(options).keys()
    settings = RenderSettings(
        **{name: getattr(options, name) for name in given - {"machines"}},
        machines=tuple(options.machines),
        selectors=tuple(options.node_selector),
        autoscale=not options.fixed,
    )
    rendered = render(options.recipe, settings, options.overrides)
    rendered.write(options.out)
    for group in rendered.groups:
        gpus = f", {counted(group.gpus, 'GPU')}" + (f" ({group.accelerator})" if group.accelerator else "")
        print(f"{group.name:12} {group.count} of {counted(group.cpus, 'CPU')}, "
              f"{group.memory_gib} GiB{gpus if group.gpus else ''}")  # fmt: skip
    print(f"{counted(len(rendered.files), 'file')} in {options.out}: {options.out}/README.md has the commands")
    return 0


def _check(options: argparse.Namespace) -> int:
    gates = parse_gates(options.gate)
    schemas = Schemas.read(options.crds) if options.crds else None
    found = check_documents(read_documents(options.paths), gates, schemas)
    for refusal in found.refusals:
        print(refusal, file=sys.stderr)
    what = counted(len(found.checked), "manifest")
    others = f"; {', '.join(found.others)}: not KubeRay's, not checked" if found.others else ""
    print(f"{what} of KubeRay's checked, {counted(len(found.refusals), 'problem')}{others}")
    return InputError.exit_code if found.refusals else 0
