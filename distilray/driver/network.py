"""Whether nodes exchange data as fast as they should, tried before engines and trainings depend on it.

    check_network(nodes=2, gpus=8, at_least=20)   # Exchange(peers=16, gb_per_s=173.4)

NCCL that finds no InfiniBand goes over TCP without an error, and a model that spans nodes then takes ten times as long.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from distilray.errors import MachineryFault

TRIES = 5
"""All-reduces that are timed, after one that is not: it makes the connections."""
JOINED_S = 300.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was measured."""

    peers: int
    """Processes that took part: one for each GPU, or for each node without."""
    gb_per_s: float
    """Bus bandwidth as NCCL's own tests define it, 2 (n - 1) / n x bytes / seconds: independent of the number of peers
    n, and with all GPUs of a node that of all its adapters together."""


class NetworkTooSlow(MachineryFault):
    """Nodes do not reach each other, or not fast enough."""


class Peer:
    """One process of the exchange."""

    def address(self) -> str:
        with socket.socket() as probe:
            probe.bind(("", 0))
            return f"{ray.util.get_node_ip_address()}:{probe.getsockname()[1]}"

    def join(self, address: str, rank: int, peers: int, on_gpu: bool) -> None:
        from datetime import timedelta

        import torch.distributed as dist

        dist.init_process_group(
            "nccl" if on_gpu else "gloo",
            init_method=f"tcp://{address}",
            rank=rank,
            world_size=peers,
            timeout=timedelta(seconds=JOINED_S),
        )

    def exchange(self, mib: int, on_gpu: bool) -> float:
        """Seconds of the fastest all-reduce of ``mib`` MiB."""
        import torch
        import torch.distributed as dist

        device = "cuda" if on_gpu else "cpu"
        block, seconds = torch.ones(mib * 2**18, device=device), []
        for _ in range(1 + TRIES):
            dist.barrier()
            began = time.perf_counter()
            dist.all_reduce(block)
            block[0].item()  # waits for the GPU
            seconds.append(time.perf_counter() - began)
        return min(seconds[1:])


def check_network(
    nodes: int = 2, gpus: int = 8, at_least: float = 0.0, mib: int = 1024, wait_s: float = 3600
) -> Exchange:
    """Sums ``mib`` MiB over all of ``gpus`` GPUs on each of ``nodes`` nodes with NCCL; without GPUs over one process a
    node with gloo. Waits ``wait_s`` seconds for such nodes. Needs a connection to Ray.

    Raises :class:`NetworkTooSlow` where they do not come or do not reach each other, and for less than ``at_least``
    GB/s.
    """
    cpus = max(gpus, 1)
    group = placement_group([{"CPU": cpus, **({"GPU": gpus} if gpus else {})}] * nodes, strategy="STRICT_SPREAD")
    what = f"{nodes} nodes with {gpus} free GPUs" if gpus else f"{nodes} nodes with a free CPU"
    try:
        if not group.wait(wait_s):
            raise NetworkTooSlow(
                f"the network was not tried: {what} each were not there within {wait_s:.0f} s; let the cluster grow to "
                "as many, or ask for fewer (--nodes, --gpus)"
            )
        found = _exchange(group, nodes, gpus, mib)
    except RayError as error:
        raise NetworkTooSlow(
            f"{what} do not reach each other: {str(error).strip().splitlines()[-1]}; see NCCL_SOCKET_IFNAME, "
            "NCCL_IB_HCA and the policies of the network"
        ) from error
    finally:
        remove_placement_group(group)
    if found.gb_per_s < at_least:
        raise NetworkTooSlow(
            f"{what} exchange {found.gb_per_s:.2f} GB/s, less than {at_least:g}: is it TCP in place of InfiniBand? "
            "NCCL_DEBUG=INFO says what NCCL takes; pods need the adapters' resource and locked memory"
        )
    return found


def _exchange(group: PlacementGroup, nodes: int, gpus: int, mib: int) -> Exchange:
    actor: Any = ray.remote(Peer)
    peers = [
        actor.options(
            num_cpus=1,
            num_gpus=min(gpus, 1),
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=node),
        ).remote()
        for node in range(nodes)
        for _ in range(max(gpus, 1))
    ]
    n, on_gpu = len(peers), gpus > 0
    try:
        address = ray.get(peers[0].address.remote())
        ray.get([peer.join.remote(address, rank, n, on_gpu) for rank, peer in enumerate(peers)], timeout=2 * JOINED_S)
        seconds = max(ray.get([peer.exchange.remote(mib, on_gpu) for peer in peers], timeout=2 * JOINED_S))
    finally:
        for peer in peers:
            ray.kill(peer)
    return Exchange(n, round(2 * (n - 1) / n * mib * 2**20 / seconds / 1e9, 3))
