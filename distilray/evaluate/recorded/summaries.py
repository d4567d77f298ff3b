"""Scores become an evaluation: each metric with its standard error, and beside it all that qualifies it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from distilray.errors import counted
from distilray.evaluate.benchmarks.published import PublishedBenchmark, Question, Scored
from distilray.evaluate.statistics import Estimate, macro, passes, ratio

SHOWN_IDS = 20


class Evaluation(msgspec.Struct, kw_only=True):
    """One model on one benchmark."""

    benchmark: str
    title: str
    release: str
    model: str
    metrics: dict[str, Estimate]
    subsets: dict[str, Estimate]
    """The main metric of each subject or category."""
    questions: int
    """In the data set."""
    answered: int
    missing: int
    """Questions without a response; the metrics are over the answered ones."""
    missing_ids: list[str]
    """The first of them."""
    responses: int
    samples: int
    """Responses that most questions have."""
    doubled: int
    """Responses beyond that number; a question's responses count together as one."""
    short: int
    """Responses that answered questions lack to that number."""
    unparsed: int
    """Responses from which nothing could be read; they count as wrong."""
    truncated: int
    """Responses that the length limit ended."""
    mean_output_tokens: float | None
    """Over the responses whose tokens the file gives; None where it gives none."""
    mean_output_characters: float | None
    notes: list[str]
    scored: list[Scored]
    """Every response with its score."""

    @property
    def unparsed_share(self) -> float:
        return self.unparsed / self.responses

    @property
    def truncated_share(self) -> float:
        return self.truncated / self.responses


def summarise(
    benchmark: PublishedBenchmark,
    model: str,
    questions: Sequence[Question],
    scored: Sequence[Scored],
    folder: str | None,
    notes: Sequence[str],
) -> Evaluation:
    """The evaluation of ``scored``, all of one model."""
    groups: dict[str, list[Scored]] = defaultdict(list)
    for one in scored:
        groups[one.question.id].append(one)
    sizes = Counter(map(len, groups.values()))
    samples = 1 if benchmark.judged else max(sizes, key=lambda size: (sizes[size], -size))
    missing = [question.id for question in questions if question.id not in groups]
    metrics = {name: _metric(benchmark, groups, name) for name in benchmark.metrics}
    subsets = _subsets(benchmark, groups)
    if benchmark.macro and len(subsets) > 1:
        metrics[f"{benchmark.metrics[0]}_macro"] = macro(list(subsets.values()))
    if benchmark.pass_at:
        metrics |= _pass_at(benchmark.metrics[0], groups)
    more, lacks = benchmark.more_metrics(scored, folder)
    texts = [len(one.response.text) for one in scored]
    tokens = [one.response.output_tokens for one in scored if one.response.output_tokens is not None]
    return Evaluation(
        benchmark=benchmark.name,
        title=benchmark.title,
        release=benchmark.release,
        model=model,
        metrics={**metrics, **more},
        subsets=subsets if len(subsets) > 1 else {},
        questions=len(questions),
        answered=len(groups),
        missing=len(missing),
        missing_ids=missing[:SHOWN_IDS],
        responses=len(scored),
        samples=samples,
        doubled=sum(max(0, len(group) - samples) for group in groups.values()),
        short=sum(max(0, samples - len(group)) for group in groups.values()),
        unparsed=sum(not one.score.parsed for one in scored),
        truncated=sum(one.truncated for one in scored),
        mean_output_tokens=sum(tokens) / len(tokens) if tokens else None,
        mean_output_characters=sum(texts) / len(texts) if any(texts) else None,
        notes=[*notes, *lacks, *_repeated(groups), *_columns(scored)],
        scored=list(scored),
    )


def _metric(benchmark: PublishedBenchmark, groups: dict[str, list[Scored]], name: str) -> Estimate:
    """The mean of a metric, clustered by what questions share, else by question."""
    values, weights, clusters = [], [], []
    for key, group in groups.items():
        held = [one for one in group if name in one.score.values]
        if held:
            share = 1.0 if benchmark.pools_samples else 1.0 / len(held)
            values.append(share * sum(one.score.values[name] for one in held))
            weights.append(share * sum(one.score.weights.get(name, 1.0) for one in held))
            clusters.append(group[0].question.cluster or key)
    return ratio(values, weights, clusters) if sum(weights) else Estimate(float("nan"), None, 0)


def _subsets(benchmark: PublishedBenchmark, groups: dict[str, list[Scored]]) -> dict[str, Estimate]:
    """The main metric of each subset that the questions name."""
    parts: dict[str, dict[str, list[Scored]]] = defaultdict(dict)
    for key, group in groups.items():
        if subset := group[0].question.subset:
            parts[subset][key] = group
    return {name: _metric(benchmark, part, benchmark.metrics[0]) for name, part in sorted(parts.items())}


def _columns(scored: Sequence[Scored]) -> list[str]:
    """A note where responses were read from a column that, in a data set, holds references."""
    names = sorted({one.response.column for one in scored if one.response.column})
    return [f"the responses are those under {' and '.join(map(repr, names))}"] if names else []


def _repeated(groups: dict[str, list[Scored]]) -> list[str]:
    """A note where several responses to a question are the same text: a file written twice looks like samples."""
    texts = [Counter(one.response.text for one in group if one.response.text) for group in groups.values()]
    again = sum(count - 1 for each in texts for count in each.values())
    return [f"{counted(again, 'response')} repeat the text of another response to the same question"] if again else []


def _pass_at(metric: str, groups: dict[str, list[Scored]]) -> dict[str, Estimate]:
    counts = [(len(group), sum(one.score.values[metric] == 1.0 for one in group)) for group in groups.values()]
    clusters = [group[0].question.cluster or key for key, group in groups.items()]
    return passes(counts, clusters)
