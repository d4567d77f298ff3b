"""One large file of JSON lines read by one core and by all: seconds, rows/s, and how many times as fast.

    python -m benchmarks.ingest --mib 2048
    python -m benchmarks.ingest --mib 512 --codec zstd

The file is generated (records of about a kilobyte). Each reading is a process of its own that may use so many cores and
no others, Ray's daemons included, and starts when Ray and its workers have started. They alternate, ``--pairs`` times.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import record

BLOCK = 1 << 20
"""About so many bytes of text are generated, and compressed, at once."""
SENTENCE = "how many of the numbers below a hundred are prime and why does that follow from what we know"
WORDS = SENTENCE.split()


def main() -> None:
    parser = record.command_line(__doc__, "ingest.json")
    parser.add_argument("--mib", type=int, default=2048, help="size of the text, MiB")
    parser.add_argument(
        "--codec", choices=("none", "gzip", "zstd"), default="none", help="members of about 1 MiB of text"
    )
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="where the file and the runs are; default: a temporary folder")
    parser.add_argument("--cores", type=int, help="read --file with so many cores, and print the figures")
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    record.share_imports()
    if options.cores:
        print(json.dumps(read(options.file, options.cores)))
        return
    with tempfile.TemporaryDirectory(prefix="distilray-ingest-") as temporary:
        folder = options.directory or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "rows.jsonl"
        written = generate(file, options.mib, options.codec)
        cores = len(os.sched_getaffinity(0))
        pairs = [
            {str(count): record.apart("benchmarks.ingest", "--file", str(file), "--cores", str(count)) for count in one}
            for one in ([1, cores] if k % 2 == 0 else [cores, 1] for k in range(options.pairs))
        ]
    speedups = [round(pair["1"]["seconds"] / pair[str(cores)]["seconds"], 3) for pair in pairs]
    result = {
        "mib": options.mib,
        "codec": options.codec,
        **written,
        "cores": cores,
        "pairs": pairs,
        "speedups": speedups,
        "speedup": statistics.median(speedups),
    }
    record.write(options.out, result)
    print(json.dumps(result, indent=1))


def generate(file: Path, mib: int, codec: str) -> dict[str, int]:
    """Writes the file; returns its records and bytes."""
    records, together = mib << 10, BLOCK >> 10
    with file.open("wb") as out:
        for first in range(0, records, together):
            out.write(packed(b"".join(lines(first, min(first + together, records))), codec))
    return {"records": records, "bytes": file.stat().st_size}


def lines(first: int, stop: int) -> Iterator[bytes]:
    """Records with these numbers, as lines of 1,024 bytes each."""
    draw = random.Random(first)
    for k in range(first, stop):
        line = json.dumps({"instruction": f"{k}: {' '.join(draw.choices(WORDS, k=30))}?", "output": ""})
        output = " ".join(draw.choices(WORDS, k=300))[: 1023 - len(line)]
        yield f'{line[:-2]}{output}"}}\n'.encode()


def packed(text: bytes, codec: str) -> bytes:
    import pyarrow as pa

    if codec == "gzip":
        return gzip.compress(text, 6)
    return pa.compress(text, "zstd", asbytes=True) if codec == "zstd" else text


def read(file: Path, cores: int) -> dict[str, Any]:
    """Seconds of reading the file into units with ``cores`` cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    from distilray.ledger import Lease, Manifest
    from distilray.runner import Budget, Context, Resources, cluster, run_sources
    from distilray.sources import Source
    from distilray.storage import Store

    few = file.with_name("few.jsonl")
    few.write_bytes(b"".join(lines(0, 1 << 10)) * cores * 4)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        store, resources = Store(folder), Resources(num_cpus=cores)
        with Lease.acquire(store, note="benchmark") as lease, cluster(resources):
            context = Context(store, lease, resources, Budget())
            warm = Source(name="few", path=str(few))
            run_sources(context, [warm], "few", {}, directory="steps/warm", span=1 << 20)
            started = time.monotonic()
            run_sources(context, [Source(name="rows", path=str(file))], "rows", {})
            seconds = time.monotonic() - started
        manifest = Manifest.read(store, "steps/00-sources")
        assert manifest is not None
        rows = manifest.steps[0].kept
        return {
            "seconds": round(seconds, 2),
            "rows": rows,
            "rows_per_s": round(rows / seconds),
            "units": manifest.units,
        }


if __name__ == "__main__":
    main()
