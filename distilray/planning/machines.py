"""What this machine has, and what engines need, without starting anything."""

from __future__ import annotations

import os
import re
from pathlib import Path

import psutil

from distilray.checkpoints import weights_bytes
from distilray.models import ClassifierModel, ModelSettings, VLLMModel
from distilray.planning.gpus import installed_gpu_gib
from distilray.planning.residency import STORAGE_GB_S, Available

ENGINE_GIB = 1.5
"""Memory of an engine on CPU in addition to weights and key-value cache: measured 1.2-1.4 GiB resident with tiny
models.
"""

CLASSIFIER_GIB = 0.6
"""Memory of an actor with torch and transformers in addition to a classifier's weights. Not measured on its own."""


HOST_SHARE = 2
"""Memory of a machine by that of its GPUs, where it is not given: machines with eight GPUs have 1.8 to 3 times."""
NUMBER = r"\d+(?:\.\d+)?"
OPTION = re.compile(rf",(host|storage)=({NUMBER})")
MACHINES = re.compile(
    rf"(?:(?P<nodes>\d+)x)?(?P<gpus>\d+)x(?P<gib>{NUMBER})(?:gi?b)?(?P<options>(?:,(?:host|storage)={NUMBER})*)"
)


def this_machine(num_cpus: int | None = None) -> Available:
    """CPUs (as many as a local cluster would claim), GPUs, and free memory in GiB."""
    gpus = len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name.removeprefix("nvidia").isdigit()])
    memory = psutil.virtual_memory().available / 2**30
    return Available(
        num_cpus or os.cpu_count() or 1,
        gpus,
        memory,
        installed_gpu_gib() if gpus else None,
        host_gib=memory if gpus else None,
    )


def parse_machines(text: str) -> Available:
    """Machines as the command line names them: ``8x80`` is one with 8 GPUs of 80 GiB, ``2x8x80`` are two of them, and
    ``2x8x80,host=1500,storage=2`` have 1,500 GiB of their own memory each and storage of 2 GB/s each.

    Without ``host`` a machine is taken to have twice the memory of its GPUs; its CPUs are assumed to suffice. Raises
    :class:`ValueError` for any other text.
    """
    found = MACHINES.fullmatch(text.strip().lower())
    options = {name: float(number) for name, number in OPTION.findall(found["options"])} if found else {}
    if found is None or 0 in (int(found["nodes"] or 1), int(found["gpus"]), *options.values()):
        raise ValueError(
            f"{text!r} is not a machine spec; write GPUs x GiB (8x80) or nodes x GPUs x GiB (2x8x80), and after it, if "
            "known, GiB of memory and GB/s of storage of each machine (2x8x80,host=1500,storage=2)"
        )
    nodes, each, gpu_gib = int(found["nodes"] or 1), int(found["gpus"]), float(found["gib"])
    return Available(
        cpus=1e6,
        gpus=nodes * each,
        gpu_gib=gpu_gib,
        nodes=nodes,
        host_gib=options.get("host", HOST_SHARE * each * gpu_gib),
        storage_gb_s=options.get("storage", STORAGE_GB_S),
    )


def weights_gib(model: ModelSettings) -> float | None:
    """Size of a model's weights on disk, GiB; None if they are not on this machine."""
    if not isinstance(model, VLLMModel | ClassifierModel):
        return 0.0
    size = weights_bytes(model.path)
    return None if size is None else size / 2**30


def engine_gib(model: ModelSettings) -> float | None:
    """Memory that one engine on CPU takes, GiB; None if it is unknown or on GPUs."""
    if not isinstance(model, VLLMModel | ClassifierModel):
        return 0.2
    weights = weights_gib(model)
    if weights is None or model.gpus:
        return None
    if isinstance(model, ClassifierModel):
        return weights + CLASSIFIER_GIB
    return weights + (model.kv_cache_gib or 1.0) + ENGINE_GIB
