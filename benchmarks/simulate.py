"""A phase on clusters that are not at hand: the real sizing, admission and routing under a virtual clock.

    python -m benchmarks.simulate
    python -m benchmarks.simulate --engines 64 512 --places 256 --waves 20 --sigma 1.0

Replies take log-normal times (mean 20 s, as reasoning traces do); reading and publishing a unit take 0.3 s, as on an
object store, and a request 5 ms on its way. Reported are the share of places that were busy until the last row began,
the time against a first come, first served schedule of the same replies without any overhead, the longest queue of an
engine while another had none, and the runners that the phase gets. A *wave* is as many rows as there are places.
"""

from __future__ import annotations

import json
import time
from typing import Any

from benchmarks import record
from benchmarks.simulator.clock import simulated
from benchmarks.simulator.phase import Load, Phase
from distilray.runner import Resources


def measure(engines: int, places: int, waves: int, sigma: float) -> dict[str, Any]:
    load = Load(engines * places * waves, {"teacher": engines}, places=places, mean_s=20.0, sigma=sigma)
    phase = Phase(load, Resources(), overhead_s=0.005, read_s=0.3, publish_s=0.3)
    began = time.monotonic()
    found = simulated(phase.run())
    return {
        "engines": engines,
        "places": engines * places,
        "rows": load.rows,
        "sigma": sigma,
        "runners": phase.sizing.runners,
        "busy_until_last_row": round(found.busy_until_last_row["teacher"], 4),
        "hours": round(found.seconds / 3600, 3),
        "ratio": round(found.ratio, 4),
        "most_open_units": found.most_open_units,
        "longest_queue_while_another_had_none": round(found.overloaded, 2),
        "took_s": round(time.monotonic() - began, 1),
    }


def main() -> None:
    parser = record.command_line(__doc__, "simulate.json")
    parser.add_argument("--engines", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--places", type=int, default=32, help="of each engine; default: 32")
    parser.add_argument("--waves", type=int, default=10, help="rows, in places; default: 10")
    parser.add_argument("--sigma", type=float, nargs="+", default=[0.8])
    options = parser.parse_args()
    results = [
        measure(engines, options.places, options.waves, sigma) for engines in options.engines for sigma in options.sigma
    ]
    record.write(options.out, {"results": results})
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
