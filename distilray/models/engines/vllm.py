"""Engines that hold weights: vLLM's AsyncLLM inside a Ray actor.

Continuous batching sees the prompts of every step and every runner at once. The actor dies when its engine core does,
because a vLLM frontend without a core fails every request at once and so attracts more and more of them; Ray starts it
again, and clients ask elsewhere meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distilray.checkpoints import resolve_path
from distilray.models.cpu_variables import VLLM_ON_CPUS
from distilray.models.engines.base import Engine, EngineInfo, Launch, log_of
from distilray.models.engines.root_cause import START, explained, size_of
from distilray.models.errors import EngineFailed, ModelError, PromptTooLong
from distilray.models.gc_tuning import tune_gc
from distilray.models.replies import Reply, ScoreReply
from distilray.models.requests import Constraint, GenerateRequest, Request, ScoreRequest
from distilray.models.scores import pack
from distilray.models.settings.vllm import ONLY_GREEDY, VLLMModel

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.outputs import RequestOutput

CORE_DIED = 70
"""Exit status of an actor whose engine core died (os.EX_SOFTWARE)."""


class VLLMEngine(Engine):
    """One replica of a :class:`~distilray.models.VLLMModel`."""

    settings: VLLMModel

    def __init__(self, engine: str, settings: VLLMModel, launch: Launch = Launch()) -> None:  # noqa: B008
        super().__init__(engine, settings, launch)
        self._log, self._log_begins = _to_file(launch.logs, engine) if launch.logs else (None, 0)
        self._requests = itertools.count()
        self._failure: str | None = None
        self._starting = asyncio.Lock()
        self._warm = False
        try:
            self._start()
        except Exception as error:  # raised by ready(): an actor whose constructor fails is never started again
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Keep why the engine does not start. One that started before ends its process: the fault may be passing, and
        Ray starts it again."""
        why = explained(error, self._log, self._log_begins)
        self._failure = f"{self.engine} ({self.settings.path}) did not start: {why}"
        if _restarted():
            os._exit(CORE_DIED)

    def _start(self) -> None:
        os.environ.update(environment(self.settings))
        from vllm.v1.engine.async_llm import AsyncLLM

        self.llm = AsyncLLM.from_engine_args(engine_args(self.settings))
        self.context: int = self.llm.model_config.max_model_len
        self.tokenizer: Any = self.llm.get_tokenizer()

    def _watch(self) -> None:
        """Die with the engine core. A thread, since nothing on the loop is sure to run then."""
        while not self.llm.engine_core.resources.engine_dead:
            time.sleep(0.2)
        os._exit(CORE_DIED)

    async def ready(self) -> EngineInfo:
        import ray
        import torch
        import vllm
        from vllm.v1.engine.exceptions import EngineDeadError

        async with self._starting:
            if not self._warm and not self._failure:
                try:
                    await self._warm_up()
                except EngineDeadError as error:
                    self._fail(error)
                else:
                    self._warm = True
                    tune_gc()
                    threading.Thread(target=self._watch, name="engine-core-watch", daemon=True).start()
        if self._failure:
            raise EngineFailed(self._failure)
        versions = {"vllm": vllm.__version__, "torch": torch.__version__, "ray": ray.__version__}
        return EngineInfo(self.engine, self.context, self.llm.model_config.get_vocab_size(), versions)

    async def _warm_up(self) -> None:
        """First requests with log-probabilities or a constraint are slow: no row should have to wait for them."""
        sampling = self.settings.sampling.overridden(max_tokens=2, logprobs=1)
        constraint = Constraint("choice", ["1", "2"])
        request = GenerateRequest([{"role": "user", "content": "1"}], sampling, 0, "", constraint=constraint)
        (prompt,) = await self.prompts([request])
        if isinstance(prompt, list):
            await self._run(prompt, sampling_params(request, self.context - len(prompt)))

    async def prompts(self, requests: Sequence[Request]) -> Sequence[list[int] | ModelError | None]:
        """Token ids of each prompt, in the model's chat template unless it came as ids; rendered off the loop."""
        rendered = iter(())
        conversations = [ask.messages for ask in requests if isinstance(ask, GenerateRequest) and ask.tokens is None]
        if conversations:
            rendered = iter(await asyncio.to_thread(self._rendered, conversations))
        prompts = []
        for ask in requests:
            if isinstance(ask, GenerateRequest | ScoreRequest):
                prompts.append(self._fitting(next(rendered) if ask.tokens is None else ask.tokens))
            else:
                prompts.append(None)
        return prompts

    def _rendered(self, conversations: list[list[dict[str, str]]]) -> list[list[int]]:
        settings = self.settings
        if settings.system is not None:
            opening = {"role": "system", "content": settings.system}
            conversations = [
                messages if messages[0]["role"] == "system" else [opening, *messages] for messages in conversations
            ]
        texts = self.tokenizer.apply_chat_template(
            conversations, tokenize=False, add_generation_prompt=True, **settings.chat_template_kwargs
        )
        return self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]

    def _fitting(self, ids: list[int]) -> list[int] | ModelError:
        if len(ids) < self.context:
            return ids
        return PromptTooLong(
            f"the prompt has {len(ids)} tokens, but {self.settings.path} takes {self.context} with the reply; "
            "raise max_model_len, or drop such rows with the check step before"
        )

    async def generate(self, prompt: list[int], request: GenerateRequest) -> list[Reply]:
        refuse_sampled_drafts(self.settings, request)
        with _refusals():
            output = await self._run(prompt, sampling_params(request, room=self.context - len(prompt)))
            return replies_of(output, ids=request.tokens is not None)

    async def score(self, prompt: list[int], request: ScoreRequest) -> ScoreReply:
        with _refusals():
            return scored(await self._run(prompt, scoring_params(request)), request)

    async def _run(self, prompt: list[int], params: SamplingParams) -> RequestOutput:
        from vllm.inputs import tokens_input

        async for output in self.llm.generate(tokens_input(prompt), params, f"{next(self._requests)}"):
            last = output
        return last

    async def suspect_hang(self) -> None:
        """A core that does not report its own state within a minute is stuck."""
        try:
            async with asyncio.timeout(60):
                await self.llm.is_paused()
        except TimeoutError:
            os._exit(CORE_DIED)

    def stats(self) -> dict[str, Any]:
        manager = self.llm.engine_core.resources.engine_manager
        cores = [process.pid for process in getattr(manager, "processes", [])]
        unfinished = self.llm.get_num_unfinished_requests()
        running = min(unfinished, self.settings.max_num_seqs)
        return {**super().stats(), "core_pids": cores, "running": running, "waiting": unfinished - running}


@contextmanager
def _refusals() -> Iterator[None]:
    """What vLLM raises for a request is the request's error; if the core is dead, the process ends."""
    from vllm.exceptions import VLLMClientError
    from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

    try:
        yield
    except EngineDeadError:
        os._exit(CORE_DIED)
    except (VLLMClientError, EngineGenerateError, ValueError) as error:
        raise ModelError(f"the engine refused the request: {error.__cause__ or error}") from error


PREFILL_TOKENS = 8192
"""Least number of prompt tokens that an engine on CPU processes in one step."""


def environment(settings: VLLMModel) -> dict[str, str]:
    """Environment variables that vLLM reads, set before it is imported."""
    # An engine's log says how it was configured and why it failed. TRL, where it was imported before, sets ERROR.
    level = "DEBUG" if os.environ.get("VLLM_LOGGING_LEVEL") == "DEBUG" else "INFO"
    variables = {"VLLM_LOGGING_LEVEL": level, "TOKENIZERS_PARALLELISM": "false"}
    if not settings.gpus:
        variables |= VLLM_ON_CPUS | {"OMP_NUM_THREADS": str(settings.threads or max(1, round(settings.cpus)))}
        if settings.world_size == 1:
            # The core then runs the model itself, without a separate worker process.
            variables["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    return variables


def engine_args(settings: VLLMModel) -> Any:
    """vLLM's own settings object for ``settings``."""
    from vllm import AsyncEngineArgs

    passed: dict[str, Any] = {
        "model": resolve_path(settings.path),
        "revision": settings.revision,
        "served_model_name": settings.served_name,
        "tensor_parallel_size": settings.tensor_parallel,
        "pipeline_parallel_size": settings.pipeline_parallel,
        "max_num_seqs": settings.max_num_seqs,
        "dtype": settings.dtype,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        "enforce_eager": settings.gpus == 0,  # compiling takes minutes on CPU and gains little
    }
    if settings.max_model_len is not None:
        passed["max_model_len"] = settings.max_model_len
    if not settings.gpus:
        # A seeded request whose prompt is prefilled in parts kills the core on CPU (vLLM 0.29: "CPU Generator does
        # not use offset"), so prompts there are prefilled whole, and a step must have room for the longest.
        passed["enable_chunked_prefill"] = False
        passed["max_num_batched_tokens"] = max(_context(passed["model"], settings), PREFILL_TOKENS)
    if settings.gpus:
        passed["gpu_memory_utilization"] = settings.memory_share
    if settings.kv_cache_gib or not settings.gpus:
        passed["kv_cache_memory_bytes"] = int((settings.kv_cache_gib or 1) * 2**30)
    if settings.speculation:
        passed["speculative_config"] = settings.speculation.model_dump()
    if settings.spread:
        passed["distributed_executor_backend"] = "ray"
    elif settings.world_size > 1:
        passed["distributed_executor_backend"] = "mp"
    return AsyncEngineArgs(**{**passed, **settings.engine})


def _context(path: str, settings: VLLMModel) -> int:
    """Tokens of the longest prompt that the engine will take."""
    if settings.max_model_len is not None:
        return settings.max_model_len
    from transformers import AutoConfig

    return int(getattr(AutoConfig.from_pretrained(path), "max_position_embeddings", PREFILL_TOKENS))


def refuse_sampled_drafts(settings: VLLMModel, request: GenerateRequest) -> None:
    """Raise :class:`ModelError` for a request that samples, for all that the settings are greedy (as one for several
    replies does, or one that is asked again), of an engine that cannot check its drafts."""
    if settings.drafts_are_greedy and request.sampling.temperature > 0:
        raise ModelError(
            f"{settings.path} was asked for a reply at temperature {request.sampling.temperature:g} with speculation "
            f"on CPUs: {ONLY_GREEDY}"
        )


def sampling_params(request: GenerateRequest, room: int) -> SamplingParams:
    """vLLM's sampling for a request. A reply never outgrows the ``room`` that the prompt leaves, as OpenAI servers
    do."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    sampling, constraint = dict(request.sampling), request.constraint
    structured = None
    if constraint is not None:
        structured = StructuredOutputsParams(**{constraint.kind: constraint.value})
    return SamplingParams(
        **{**sampling, "stop": list(sampling["stop"]), "max_tokens": min(sampling["max_tokens"], room)},
        n=request.n,
        stop_token_ids=list(request.stop_ids),
        seed=request.seed if sampling["temperature"] else None,  # greedy needs no generator of its own
        structured_outputs=structured,
        output_kind=RequestOutputKind.FINAL_ONLY,
        skip_clone=True,
    )


def scoring_params(request: ScoreRequest) -> SamplingParams:
    """vLLM scores a prompt while it prefills it; the one token that it then generates is thrown away."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        max_tokens=1,
        temperature=0,
        prompt_logprobs=request.top_k,
        flat_logprobs=True,  # lists of numbers in place of an object for every token and rank
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        skip_clone=True,
    )


def scored(output: RequestOutput, request: ScoreRequest) -> ScoreReply:
    """Packs vLLM's numbers of each position: the given token, then the ``top_k`` likeliest."""
    flat, rows = output.prompt_logprobs, np.asarray(request.positions, np.int64) - 1
    ids = np.asarray(flat.token_ids, np.int32).reshape(-1, request.top_k + 1)[rows, 1:]
    log_probs = np.asarray(flat.logprobs, np.float32).reshape(-1, request.top_k + 1)[rows]
    return ScoreReply(pack(ids, log_probs[:, 1:], log_probs[:, 0]), len(output.prompt_token_ids or ()))


def replies_of(output: RequestOutput, *, ids: bool = False) -> list[Reply]:
    """One reply per sample, in order; ``ids``: with the ids of its tokens."""
    replies = []
    for k, sample in enumerate(sorted(output.outputs, key=lambda sample: sample.index)):
        logprobs = None
        if sample.logprobs is not None:
            logprobs = [_by_text(position) for position in sample.logprobs]
        replies.append(
            Reply(
                text=sample.text,
                finish_reason=sample.finish_reason or "abort",
                tokens_in=0 if k else len(output.prompt_token_ids or ()),
                tokens_out=len(sample.token_ids),
                tokens_cached=0 if k else output.num_cached_tokens or 0,
                logprobs=logprobs,
                tokens=list(sample.token_ids) if ids else None,
            )
        )
    return replies


def _by_text(position: dict[int, Any]) -> dict[str, float]:
    """Token ids to text. Fragments of a character look alike as text: the likeliest one represents all of them."""
    texts: dict[str, float] = {}
    for entry in position.values():
        texts[entry.decoded_token] = max(entry.logprob, texts.get(entry.decoded_token, -float("inf")))
    return texts


def _restarted() -> bool:
    import ray

    return ray.get_runtime_context().was_current_actor_reconstructed


def _to_file(logs: str, engine: str) -> tuple[Path, int]:
    """Redirects the output of this process and its children to a file, and how much that already held; the terminal is
    for the run."""
    path = log_of(logs, engine)
    path.parent.mkdir(parents=True, exist_ok=True)
    begins = size_of(path)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(file, f"{START}{engine}, process {os.getpid()}\n".encode())
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    return path, begins
