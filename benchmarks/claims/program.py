"""The command line of a world's program, which makes all cells one after another and can be stopped at any time."""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import distilray as dr
from benchmarks import record
from benchmarks.claims.evaluation import GREEDY, SAMPLED, shares
from benchmarks.claims.sitting import Sitting
from benchmarks.claims.summary import meta, summary
from benchmarks.claims.table import plain
from benchmarks.claims.world import World

DIRECTORY = record.ROOT / "runs" / "claims"


def main(description: str | None, sizes: type, world_of: Callable[[Any], World]) -> int:
    """Runs a world; ``sizes`` is a dataclass of numbers, each an option, from which ``world_of`` makes the world."""
    names = world_of(sizes())
    parser = record.command_line(description, f"{names.name}_claim.json")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3], help="the result file keeps those of other seeds"
    )
    parser.add_argument("--variants", nargs="+", choices=list(names.variants), default=list(names.variants))
    parser.add_argument(
        "--directory", type=Path, default=DIRECTORY, help="runs and cells; default: runs/claims, continued if it exists"
    )
    for field in fields(sizes):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=int, default=field.default, help=field.metadata.get("help"))
    options = parser.parse_args()
    chosen = sizes(**{field.name: getattr(options, field.name) for field in fields(sizes)})
    return measure(world_of(chosen), asdict(chosen), options)


def measure(world: World, sizes: dict[str, int], options: argparse.Namespace) -> int:
    """Makes the cells that are missing and writes the results after every seed. Returns 1 if any could not be made."""
    import ray.data  # noqa: F401  (it sets up its logger, which the cluster then makes quiet)

    from distilray.runner import cluster

    record.share_imports()
    directory = options.directory.resolve() / world.name / "x".join(map(str, sizes.values()))
    variants = world.chosen(options.variants)
    cells, failed = earlier(world, sizes, directory, options), 0
    with cluster(dr.Resources()):
        for seed in options.seeds:  # seed by seed, so that an interrupted benchmark still compares like with like
            for cell in made(Sitting(world, directory, seed), variants, options.seeds):
                cells, failed = (cells, failed + 1) if cell is None else ([*cells, cell], failed)
            known = {name: meta(variant) for name, variant in world.variants.items()}
            compared = summary(known, cells)
            record.write(options.out, {"world": world.name, **sizes, "variants": compared, "cells": cells}, ["scipy"])
            print(plain(compared), flush=True)
    return 1 if failed else 0


def earlier(world: World, sizes: dict[str, int], directory: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The cells of other seeds in the result file, where they were made with these settings: seeds may be taken in
    sittings of their own, on machines of one kind."""
    if not options.out.exists():
        return []
    found = json.loads(options.out.read_text("utf-8"))
    if any(found.get(name) != size for name, size in sizes.items()):
        return []
    return [
        cell
        for cell in found["cells"]
        if cell["seed"] not in options.seeds
        and cell["variant"] in world.variants
        and cell.get("settings") == Sitting(world, directory, cell["seed"]).settings(cell["variant"])
    ]


def made(sitting: Sitting, variants: Sequence[str], seeds: Sequence[int]) -> Iterator[dict[str, Any] | None]:
    """The cells of one seed, made or found; None for one that failed: the others are made all the same."""
    world, seed = sitting.world, sitting.seed
    for place, name in enumerate(variants):
        number = seeds.index(seed) * len(variants) + place
        shown = f"[{number + 1}/{len(seeds) * len(variants)}] {world.name}: {name}, seed {seed}"
        print(f"{time.strftime('%H:%M:%S')} {shown} ...", flush=True)
        try:
            cell = sitting.cell(name)
        except Exception:
            traceback.print_exc()
            print(f"{shown} FAILED; the others continue, and the same command tries it again", file=sys.stderr)
            yield None
            continue
        known = {each: _seconds(sitting, each, seeds) for each in variants}
        left = [*variants[place + 1 :], *(list(variants) * (len(seeds) - seeds.index(seed) - 1))]
        print(f"{shown}: {figures(cell)}; {len(left)} left, about {eta(known, left) / 60:.0f} min", flush=True)
        yield cell


def _seconds(sitting: Sitting, name: str, seeds: Sequence[int]) -> list[float]:
    """What cells of the variant ``name`` took, those of other seeds too."""
    folder = sitting.directory.parent
    cells = [Sitting(sitting.world, folder, seed).kept(name) for seed in seeds]
    return [cell["seconds"] for cell in cells if cell is not None]


def eta(known: dict[str, list[float]], left: Sequence[str]) -> float:
    """Seconds that the variants ``left`` will take, if each takes as long as it did before, and one that was not made
    yet as long as the others in the mean."""
    everything = [seconds for some in known.values() for seconds in some]
    mean = fmean(everything) if everything else 0.0
    return sum(fmean(known[name]) if known.get(name) else mean for name in left)


def figures(cell: dict[str, Any]) -> str:
    parts = [f"{how} {fmean(shares(cell[how])):.3f} ({cell[how]['mean_output_tokens']:.1f} tokens)" for how in
             (GREEDY, SAMPLED)]  # fmt: skip
    if "ranked_after" in cell:
        before, after = (cell[f"ranked_{when}"]["accuracy"] for when in ("before", "after"))
        parts.append(f"pairs ranked right {before:.2f} -> {after:.2f}")
    return ", ".join([*parts, f"{cell['seconds']:.0f} s"])
