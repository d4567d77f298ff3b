"""Engines that hold weights: vLLM's AsyncLLM inside a Ray actor.

Continuous batching sees the prompts of every step and every runner at once. The actor dies when its engine core does,
because a vLLM frontend without a core fails every request at once and so attracts more and more of them; Ray starts it
again, and clients ask elsewhere meanwhile. A core that hangs is killed with its workers, and the actor dies then too.
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
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from distilray.checkpoints import template_ids
from distilray.models.engines.base import Engine, EngineInfo, Launch, log_of
from distilray.models.engines.guard import await_gone, kill_group
from distilray.models.engines.root_cause import ENDS, START, explained, size_of
from distilray.models.engines.stalls import Stalls
from distilray.models.engines.vllm_start import engine_args, environment
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
WATCH_S = 0.5
"""How often the core, and the tokens that it has given, are looked at."""
PREVIOUS_S = 60.0
"""How long the processes of an engine that ended may take to be gone before it starts again."""


class VLLMEngine(Engine):
    """One replica of a :class:`~distilray.models.VLLMModel`."""

    settings: VLLMModel

    def __init__(self, engine: str, settings: VLLMModel, launch: Launch = Launch()) -> None:  # noqa: B008
        super().__init__(engine, settings, launch)
        self.patience_s = None  # a request may wait and grow as long as the core gives tokens
        self._log, self._log_begins = _to_file(launch.logs, engine) if launch.logs else (None, 0)
        self._requests = itertools.count()
        self._limits: dict[str, asyncio.Timeout] = {}
        self._failure: str | None = None
        self._starting = asyncio.Lock()
        self._warm = False
        self._stalls = Stalls(settings.request_timeout_s)

    def _fail(self, error: Exception) -> None:
        """Keep why the engine does not start. One that started before ends its process: the fault may be passing, and
        Ray starts it again."""
        why = explained(error, self._log, self._log_begins)
        self._failure = f"{self.engine} ({self.settings.path}) did not start: {why}"
        if _restarted():
            _die()

    def _start(self) -> None:
        """Runs in a thread, so that the actor can tell how far it is."""
        if self.launch.guard and await_gone([self.launch.guard], PREVIOUS_S):
            raise EngineFailed(
                f"processes of the engine that ran here before are still there after {PREVIOUS_S:g} s, with its memory"
            )
        os.environ.update(environment(self.settings))
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.async_llm import AsyncLLM

        # Of vLLM's own defaults for this GPU those for many prompts at once: it has none for AsyncLLM.
        self.llm = AsyncLLM.from_engine_args(engine_args(self.settings), usage_context=UsageContext.LLM_CLASS)
        self.context: int = self.llm.model_config.max_model_len
        self.tokenizer: Any = self.llm.get_tokenizer()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Dies with the engine core, and when that hangs. A thread, since nothing on the loop is sure to run then."""
        try:
            while not self.llm.engine_core.resources.engine_dead and not self._hangs(loop):
                time.sleep(WATCH_S)
        finally:
            _die()

    def _hangs(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the core has stopped giving tokens. A single request that gets none is given up."""
        states: dict[str, Any] = dict(self.llm.output_processor.request_states)
        self._stalls.see({name: state.detokenizer.num_output_tokens() for name, state in states.items()})
        for name in self._stalls.lost():
            if (limit := self._limits.get(states[name].external_req_id)) is not None:
                loop.call_soon_threadsafe(limit.reschedule, 0)
        if self._stalls.hung:
            patience = self.settings.request_timeout_s
            print(f"{ENDS}no token for {patience:g} s, and {len(states)} requests are unfinished", flush=True)
        return self._stalls.hung

    async def loaded(self) -> None:
        if not self._warm:
            await self.ready()

    async def ready(self) -> EngineInfo:
        import ray

        async with self._starting:
            if not self._warm and not self._failure:
                await self._open()
        if self._failure:
            raise EngineFailed(self._failure)
        import torch
        import vllm

        versions = {"vllm": vllm.__version__, "torch": torch.__version__, "ray": ray.__version__}
        template = template_ids(getattr(self.tokenizer, "chat_template", None))
        return EngineInfo(self.engine, self.context, self.llm.model_config.get_vocab_size(), versions, template)

    async def _open(self) -> None:
        try:
            await asyncio.to_thread(self._start)
        except Exception as error:  # raised by ready()
            self._fail(error)
            return
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            await self._warm_up()
        except EngineDeadError as error:
            self._fail(error)
        else:
            self._warm = True
            tune_gc()
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._watch, args=(loop,), name="engine-core-watch", daemon=True).start()

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

        name = f"{next(self._requests)}"
        try:
            async with asyncio.timeout(None) as self._limits[name]:
                async for output in self.llm.generate(tokens_input(prompt), params, name):
                    last = output
            return last
        finally:
            del self._limits[name]

    def stats(self) -> dict[str, Any]:
        if not self._warm:
            return super().stats()
        manager = self.llm.engine_core.resources.engine_manager
        cores = [process.pid for process in getattr(manager, "processes", [])]
        unfinished = self.llm.get_num_unfinished_requests()
        running = min(unfinished, self.settings.max_num_seqs)
        found = {"core_pids": cores, "core_tokens": self._stalls.tokens, "waiting": unfinished - running}
        return {**super().stats(), **found, "running": running}


def _die() -> NoReturn:
    """Ends this process, and first what it started, which would keep the memory that the next start needs."""
    if os.getpgrp() == os.getpid():
        kill_group(os.getpid(), spare=os.getpid())
    os._exit(CORE_DIED)


@contextmanager
def _refusals() -> Iterator[None]:
    """What vLLM raises for a request is the request's error; if the core is dead, the process ends."""
    from vllm.exceptions import VLLMClientError
    from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

    try:
        yield
    except EngineDeadError:
        _die()
    except (VLLMClientError, EngineGenerateError, ValueError) as error:
        raise ModelError(f"the engine refused the request: {error.__cause__ or error}") from error


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
