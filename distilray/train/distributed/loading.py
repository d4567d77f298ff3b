"""One worker reads a model's weights; the others know only its shape until they get their shards from the first.

transformers reads whole checkpoints in every process, also where the model is about to be sharded: 8 workers of a node
would hold 8 copies in the host's memory, 1.05 TB of a 32B student in fp32. Here the first worker of all reads, and the
others build the same model without weights (parameters on torch's `meta` device; buffers, such as rotary frequencies,
as its constructor computes them). Then either

* accelerate shards the model and sends out the weights (`cpu_ram_efficient_loading`). It finds an optimizer's
  parameters by their addresses, so the other workers need memory with addresses: :func:`allocate` reserves it on the
  CPU, and pages that nobody writes to take no memory; or
* :func:`shard` does, for models without an optimizer: block by block, so that no worker ever holds more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
import transformers
from torch import nn
from transformers import AutoConfig

FIRST = 0
"""The worker that reads."""


def load(auto: str, path: str, dtype: torch.dtype, *, once: bool, **options: Any) -> Any:
    """The model at the local ``path``, by transformers' class ``auto``; ``options`` are those of ``from_pretrained``.

    ``once``: with its weights in the first worker, without memory for its parameters in the others; all workers call it
    together. Raises :class:`RuntimeError` where the model that its config describes is not the one that was read.
    """
    if not once:
        return getattr(transformers, auto).from_pretrained(path, dtype=dtype, **options)
    reads = dist.get_rank() == FIRST
    model = getattr(transformers, auto).from_pretrained(path, dtype=dtype, **options) if reads else None
    described: list[Any] = [None if model is None else _described(model)]
    dist.broadcast_object_list(described, src=FIRST)
    return _empty(auto, path, dtype, options, described[0]) if model is None else model


def allocate(model: Any, device: torch.device | str = "cpu") -> None:
    """Gives parameters without memory uninitialised memory on ``device``; shared ones stay shared."""
    _replace(model.modules(), lambda some: torch.empty_like(some, device=device) if some.is_meta else some)


def shard(model: Any, device: torch.device, **options: Any) -> Any:
    """The frozen ``model``, as :func:`load` returns it with ``once``, over all workers (FSDP2), block by block.

    ``options`` are those of ``fully_shard``. Only one block at a time is whole on ``device``.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    options = {"mesh": init_device_mesh(device.type, (dist.get_world_size(),)), **options}
    blocks = set(model._no_split_modules)
    units = [module for module in model.modules() if type(module).__name__ in blocks]
    inside = {id(part) for unit in units for part in unit.modules()}
    for unit in units:
        _send(list(unit.modules()), device)
        fully_shard(unit, **options)
    _send([part for part in model.modules() if id(part) not in inside], device)
    fully_shard(model, reshard_after_forward=True, **options)  # no backward pass would do it
    return model


@contextmanager
def in_fp32_on(model: Any, device: torch.device) -> Iterator[None]:
    """``model``, whole in the host's memory, computes in fp32 on ``device``, where each of its modules has its own
    parameters and buffers for as long as it runs; they are as they were afterwards."""
    away: dict[nn.Module, tuple[dict[str, Any], dict[str, Any]]] = {}

    def come(module: nn.Module, _: Any) -> None:
        away[module] = module._parameters, module._buffers
        module._parameters = {name: _copied(some, device) for name, some in module._parameters.items()}
        module._buffers = {name: _copied(some, device) for name, some in module._buffers.items()}

    def go(module: nn.Module, *_: Any) -> None:
        module._parameters, module._buffers = away.pop(module)

    own = [module for module in model.modules() if module._parameters or module._buffers]
    hooks = [module.register_forward_pre_hook(come) for module in own]
    hooks += [module.register_forward_hook(go, always_call=True) for module in own]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _copied(some: torch.Tensor | None, device: torch.device) -> torch.Tensor | None:
    if some is None:
        return None
    copy = some.detach().to(device, torch.float32 if some.is_floating_point() else some.dtype)
    return nn.Parameter(copy, requires_grad=False) if isinstance(some, nn.Parameter) else copy


def _described(model: Any) -> list[tuple[str, tuple[int, ...], torch.dtype]]:
    return [(name, tuple(parameter.shape), parameter.dtype) for name, parameter in model.named_parameters()]


def _empty(
    auto: str, path: str, dtype: torch.dtype, options: dict[str, Any], described: list[tuple[str, tuple, torch.dtype]]
) -> Any:
    """The model without memory for its parameters, in the precisions that the first worker read."""
    from accelerate import init_empty_weights

    config = AutoConfig.from_pretrained(path, **{k: v for k, v in options.items() if k != "ignore_mismatched_sizes"})
    with init_empty_weights(include_buffers=False):
        model = getattr(transformers, auto).from_config(config, dtype=torch.float32)
    model.tie_weights()  # every assignment on the way made a parameter of its own
    model.config.dtype = dtype
    found = [(name, shape) for name, shape, _ in _described(model)]
    if found != [(name, shape) for name, shape, _ in described]:
        other = sorted({*found} ^ {(name, shape) for name, shape, _ in described})[:4]
        raise RuntimeError(f"{path}: the first worker has read another model than its config.json describes: {other}")
    read = {name: precision for name, _, precision in described}
    wanted = {id(parameter): read[name] for name, parameter in model.named_parameters()}
    _replace(model.modules(), lambda some: some.detach().to(wanted[id(some)]))
    return model.eval()  # as from_pretrained leaves it


def _send(modules: list[nn.Module], device: torch.device) -> None:
    """Parameters and buffers of ``modules`` alone, from the first worker to all, on ``device``."""
    _replace(modules, lambda some: torch.empty_like(some, device=device) if some.is_meta else some.detach().to(device))
    for module in modules:
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else buffer.to(device).contiguous()
    sent: set[int] = set()
    for module in modules:
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            if tensor is not None and id(tensor) not in sent:
                dist.broadcast(tensor.detach(), src=FIRST)
                sent.add(id(tensor))


def _replace(modules: Iterable[nn.Module], make: Callable[[nn.Parameter], torch.Tensor]) -> None:
    """Every parameter by what ``make`` makes of it; one that several modules share is made once."""
    made: dict[int, nn.Parameter] = {}
    kept: list[nn.Parameter] = []  # alive, so that no two of them have the same id
    for module in modules:
        for name, parameter in module._parameters.items():
            if parameter is None:
                continue
            if id(parameter) not in made:
                kept.append(parameter)
                new = make(parameter)
                made[id(parameter)] = (
                    parameter if new is parameter else nn.Parameter(new, requires_grad=parameter.requires_grad)
                )
            module._parameters[name] = made[id(parameter)]
