"""A cluster whose only node is the head, with Ray's own autoscaler and its fake nodes: processes on this machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import psutil
import ray
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

from tests.support.nodes import PORTS, RAY, end, environment, kill, wait_for
from tests.support.ports import free_port

EMPTY: dict[str, Any] = {
    "auth": {}, "docker": {}, "file_mounts": {}, "cluster_synced_files": [], "file_mounts_sync_continuously": False,
    "rsync_exclude": [], "rsync_filter": [], "initialization_commands": [], "setup_commands": [],
    "head_setup_commands": [], "worker_setup_commands": [], "head_start_ray_commands": [],
    "worker_start_ray_commands": [],
}  # fmt: skip
AUTOSCALER = {
    "RAY_FAKE_CLUSTER": "1",
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
}


class AutoscalingNodes:
    """The head has no CPUs; ``kinds`` of nodes may join it: name to CPUs of one and how many there may be. A context
    manager that stops it and all that it started, and nothing else (Ray's own test class stops every Ray there is)."""

    def __init__(self, folder: Path, kinds: dict[str, tuple[int, int]]) -> None:
        self.folder, self.kinds = folder, kinds
        self.address = f"{ray.util.get_node_ip_address()}:{free_port()}"
        self.processes: list[psutil.Process] = []
        self.drivers: list[subprocess.Popen[bytes]] = []

    def _config(self) -> dict[str, Any]:
        types = {
            name: {
                "resources": {"CPU": cpus, "object_store_memory": 100 * 2**20},
                "node_config": {},
                "min_workers": 0,
                "max_workers": most,
            }
            for name, (cpus, most) in self.kinds.items()
        }
        provider = {
            # Ray's wheel lacks the defaults of its type "fake_multinode"; an external one needs none.
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "use_node_id_as_ip": True,  # the nodes share an address
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "launch_multiple": True,
            "head_node_id": FAKE_HEAD_NODE_ID,
            "gcs_address": self.address,
        }
        head = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
        return {
            "cluster_name": "fake",
            "max_workers": sum(most for _, most in self.kinds.values()),
            "provider": provider,
            "available_node_types": {**types, "ray.head.default": head},
            "head_node_type": "ray.head.default",
            "upscaling_speed": 10.0,
            "idle_timeout_minutes": 60,
            **EMPTY,
        }

    def __enter__(self) -> AutoscalingNodes:
        config = self.folder / "autoscaler.json"
        config.write_text(json.dumps(self._config()))
        command = [*RAY, "--head", f"--port={self.address.rpartition(':')[2]}", f"--temp-dir={self.folder}"]
        command += ["--num-cpus=0", "--include-dashboard=false", f"--autoscaling-config={config}", *PORTS]
        log = open(self.folder / "head.log", "ab")
        started = subprocess.Popen(command, stdout=log, stderr=log, env=environment(**AUTOSCALER))
        self.processes.append(psutil.Process(started.pid))
        try:
            wait_for(lambda: "Ray runtime started" in (self.folder / "head.log").read_text(), "the head")
        except BaseException:
            self.__exit__()
            raise
        return self

    def logs(self) -> str:
        """The ends of what the autoscaler and the head wrote."""
        places = [self.folder / "head.log", *self.folder.glob("session_latest/logs/monitor*")]
        return "\n".join(f"{path.name}:\n{path.read_text('utf-8', 'replace')[-2000:]}" for path in places)

    def __exit__(self, *_: object) -> None:
        kill(*self.processes)
        end(self.drivers)
