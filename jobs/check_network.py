"""Entry point for jobs that span nodes: tries the network between them, then becomes the command after ``--``.

python jobs/check_network.py --nodes 2 --gpus 8 --at-least 20 -- python jobs/run.py recipe.yaml --run s3://bucket/runs/first
"""

import argparse
import os
import sys

from distilray.driver import check_network
from distilray.errors import DistilrayError
from distilray.runner import Resources, cluster


def main(words: list[str]) -> int:
    own, command = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=2, help="how many take part")
    parser.add_argument("--gpus", type=int, default=8, help="of each; 0: one process a node, over gloo")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="GB/S", help="bus bandwidth of an all-reduce")
    parser.add_argument("--mib", type=int, default=1024, help="how much is summed")
    parser.add_argument("--wait", type=float, default=3600, metavar="S", help="for the nodes")
    options = parser.parse_args(own)
    try:
        with cluster(Resources()):
            found = check_network(options.nodes, options.gpus, options.at_least, options.mib, options.wait)
    except DistilrayError as error:
        print(f"{error.prefix}{error}", file=sys.stderr)
        return error.exit_code
    print(f"{found.peers} processes on {options.nodes} nodes exchange {found.gb_per_s:.2f} GB/s", flush=True)
    if command:
        os.execvp(command[0], command)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
