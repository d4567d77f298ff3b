"""EngineLM: a model of lm-evaluation-harness whose requests our engine pools answer.

    with RequestPool(Store("runs/harness"), VLLMModel(path="Qwen/Qwen2.5-7B"), "qwen", "harness") as pool:
        lm_eval.simple_evaluate(model=EngineLM(pool), tasks=["mmlu", "ifeval"])

Texts become tokens as in the harness's own ``hf`` model: spaces at the end of a context move to the continuation, and a
continuation is what the tokens of both together have beyond the context's own, also where the two merge.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lm_eval import utils
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

from distilray.checkpoints import load_tokenizer
from distilray.errors import InputError
from distilray.evaluate.harness.pool import RequestPool
from distilray.evaluate.harness.requests import Generate, Score
from distilray.evaluate.recorded.responses import final_text

SAMPLING = ("top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty")
"""Arguments of generations that mean the same to our engines."""


class HarnessError(InputError):
    """A task asks for what engines cannot do; the text names it."""


class EngineLM(TemplateLM):
    """``pool`` answers; everything else is as the harness expects of a causal model."""

    def __init__(
        self, pool: RequestPool, *, add_bos_token: bool | None = None, max_gen_toks: int = 256, seed: int = 0
    ) -> None:
        """``add_bos_token``: whether texts begin with the begin token; None: as the tokenizer does. ``max_gen_toks`` is
        for tasks that name no limit."""
        super().__init__()
        self.pool, self.add_bos_token, self.max_gen_toks, self.seed = pool, add_bos_token, max_gen_toks, seed
        self.tokenizer: Any = load_tokenizer(pool.settings.path, pads=False)
        self._prefix = self.tokenizer.decode(self.prefix_token_id)

    @property
    def eot_token_id(self) -> int:
        return self.tokenizer.eos_token_id

    @property
    def prefix_token_id(self) -> int:
        """What an empty context is: the begin token, or else the end token."""
        begin = self.tokenizer.bos_token_id
        return self.eot_token_id if begin is None else begin

    @property
    def max_length(self) -> int:
        """Most tokens that condition one. An engine generates a token after those that it scores, so two less than its
        context: the last scored token and that one."""
        return self.pool.context() - 2

    @property
    def tokenizer_name(self) -> str:
        return self.pool.settings.path.replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        special = self.add_bos_token if add_special_tokens is None else add_special_tokens
        if add_special_tokens is None and string.startswith(self._prefix):
            special = False
        given = {} if special is None else {"add_special_tokens": special}
        return self.tokenizer.encode(string, **given)

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        settings = self.pool.settings
        if settings.system is not None and chat_history[0]["role"] != "system":
            chat_history = [{"role": "system", "content": settings.system}, *chat_history]
        return self.tokenizer.apply_chat_template(
            chat_history,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
            **settings.chat_template_kwargs,
        )

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        most, asked = self.max_length + 1, []
        for texts, context, continuation in requests:
            if not context or not continuation or len(continuation) > self.max_length:
                shown = repr(texts)[:200]
                raise HarnessError(
                    f"a continuation of {len(continuation)} tokens after {len(context)} cannot be scored (1 to "
                    f"{self.max_length} after at least 1): {shown}"
                )
            tokens = [*context, *continuation][-most:]
            asked.append(Score(tokens, len(tokens) - len(continuation)))
        found = [(answer.log_prob, answer.greedy) for answer in self.pool.answers(asked)]
        for (texts, _, _), one in zip(requests, found, strict=True):
            if texts is not None:
                self.cache_hook.add_partial("loglikelihood", texts, one)
        return found

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        windows: list[tuple[Any, list[int], list[int]]] = []
        owners: list[int] = []
        for place, request in enumerate(requests):
            rolling = utils.get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length,
                context_len=1,
            )
            for context, continuation in map(utils.make_disjoint_window, rolling):
                windows.append((None, context, continuation))
                owners.append(place)
        totals = [0.0] * len(requests)
        for place, (log_prob, _) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
            totals[place] += log_prob
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        asked, stops, times = [], [], Counter[str]()
        given: list[Any] = [request.args for request in requests]
        for context, arguments in given:
            until, sampling = self._sampling(arguments)
            room = self.max_length - sampling["max_tokens"]
            if room < 1:
                raise HarnessError(
                    f"a task asks for {sampling['max_tokens']} tokens, but {self.pool.settings.path} takes "
                    f"{self.max_length} with the prompt; raise max_model_len, or lower the task's max_gen_toks"
                )
            key = f"{self.seed}\0{context}\0{sorted(sampling.items())}"
            times[key] += 1  # a task's repeats are the same request several times, each with a seed of its own
            digest = hashlib.blake2b(f"{key}\0{times[key]}".encode(), digest_size=4).digest()
            asked.append(Generate(self.tok_encode(context)[-room:], sampling, int.from_bytes(digest, "big") >> 1))
            stops.append(until)
        texts = [_answer(found.text, until) for found, until in zip(self.pool.answers(asked), stops, strict=True)]
        for request, text in zip(requests, texts, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, text)
        return texts

    def _sampling(self, arguments: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Texts that end a reply, and how the engine samples."""
        given: dict[str, Any] = dict(normalize_gen_kwargs(arguments, self.max_gen_toks))
        end = self.tokenizer.decode(self.eot_token_id)
        until = [text for text in handle_stop_sequences(given.pop("until", None), end) if text]
        sampled = given.pop("do_sample", False)
        sampling = {"max_tokens": given.pop("max_gen_toks"), "temperature": float(given.pop("temperature", 0.0))}
        known = {name: given.pop(name) for name in SAMPLING if name in given}
        if given:
            raise HarnessError(f"a task samples with {given}, which engines do not know: only {', '.join(SAMPLING)}")
        return until, {**sampling, **(known if sampled else {}), "stop": until}


def _answer(text: str, until: Sequence[str]) -> str:
    """``text`` up to the first of ``until``, without reasoning before it."""
    for end in until:
        text = text.partition(end)[0]
    return final_text(text)[0]
