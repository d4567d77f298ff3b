from __future__ import annotations

import math

import pytest
import torch

from distilray.train.methods.distill.divergence import Objective, TopK, top_k_of, whole_vocabulary

METHODS = ["forward_kl", "reverse_kl", "jsd"]


def logits(rows: int, vocabulary: int, seed: int, scale: float = 2.0) -> torch.Tensor:
    return torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(seed)) * scale


def by_hand(kind: str, student: torch.Tensor, teacher: torch.Tensor, beta: float = 0.5) -> torch.Tensor:
    """From probabilities, symbol by symbol, in float64."""
    q, p = student.double(), teacher.double()
    if kind == "forward_kl":
        return torch.special.xlogy(p, p / q).sum(-1)
    if kind == "reverse_kl":
        return torch.special.xlogy(q, q / p).sum(-1)
    m = beta * p + (1 - beta) * q
    return beta * torch.special.xlogy(p, p / m).sum(-1) + (1 - beta) * torch.special.xlogy(q, q / m).sum(-1)


def coarse(probabilities: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The probabilities of ``ids`` and of all others together."""
    kept = probabilities.double().gather(-1, ids)
    others = torch.ones_like(probabilities, dtype=torch.bool).scatter(-1, ids, False)
    return torch.cat([kept, (probabilities.double() * others).sum(-1, keepdim=True)], -1)


def test_the_example_of_the_docstring() -> None:
    teacher = TopK(torch.tensor([[0, 1]]), torch.tensor([[0.6, 0.3]]).log(), torch.tensor([0.1]))
    student = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    [found] = Objective({"forward_kl": 1.0}).of(*teacher.of(student))
    assert found.item() == pytest.approx(0.6 * math.log(0.6 / 0.5) + 0.1 * math.log(0.1 / 0.2), abs=1e-6)


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("k", [1, 4, 31])
def test_top_k_with_the_rest_is_the_dense_divergence_of_what_is_cut_in_the_same_way(kind: str, k: int) -> None:
    student, teacher = logits(50, 32, 1), logits(50, 32, 2)
    top = top_k_of(teacher, k)
    found = Objective({kind: 1.0}, beta=0.3).of(*top.of(student))
    wanted = by_hand(kind, coarse(student.softmax(-1), top.ids), coarse(teacher.softmax(-1), top.ids), beta=0.3)
    torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_with_all_tokens_it_is_the_divergence_of_the_vocabularies(kind: str, temperature: float) -> None:
    student, teacher = logits(50, 32, 1), logits(50, 32, 2)
    objective = Objective({kind: 1.0}, temperature=temperature)
    wanted = by_hand(kind, (student / temperature).softmax(-1), (teacher / temperature).softmax(-1)) * temperature**2
    torch.testing.assert_close(objective.of(*whole_vocabulary(student, teacher)).double(), wanted, atol=1e-5, rtol=1e-5)
    cut = objective.of(*top_k_of(teacher, 32).of(student)).double()
    torch.testing.assert_close(cut, wanted, atol=1e-5, rtol=1e-5)


def test_cutting_never_makes_the_divergence_greater() -> None:
    student, teacher = logits(50, 64, 1), logits(50, 64, 2)
    whole = Objective({"forward_kl": 1.0}).of(*whole_vocabulary(student, teacher))
    for k in (1, 8, 32):
        cut = Objective({"forward_kl": 1.0}).of(*top_k_of(teacher, k).of(student))
        assert (cut <= whole + 1e-5).all()
        assert (cut > 0).all()


@pytest.mark.parametrize("kind", METHODS)
def test_a_divergence_is_zero_only_between_equals(kind: str) -> None:
    student = logits(20, 32, 1)
    objective = Objective({kind: 1.0})
    torch.testing.assert_close(objective.of(*top_k_of(student, 5).of(student)), torch.zeros(20), atol=1e-6, rtol=0)
    assert (objective.of(*top_k_of(student + logits(20, 32, 3), 5).of(student)) > 1e-3).all()


def test_a_mix_is_the_weighted_sum() -> None:
    student, teacher = logits(20, 32, 1), top_k_of(logits(20, 32, 2), 8)
    parts = {kind: Objective({kind: 1.0}).of(*teacher.of(student)) for kind in METHODS}
    mixed = Objective({"forward_kl": 0.2, "reverse_kl": 0.5, "jsd": 0.3}).of(*teacher.of(student))
    torch.testing.assert_close(mixed, 0.2 * parts["forward_kl"] + 0.5 * parts["reverse_kl"] + 0.3 * parts["jsd"])


@pytest.mark.parametrize("kind", METHODS)
def test_vocabularies_that_are_padded_differently(kind: str) -> None:
    """A teacher with more columns than the student (152,064 and 151,936 in Qwen2.5), and the other way round."""
    student, teacher = logits(20, 32, 1), logits(20, 40, 2)
    top = top_k_of(teacher, 12)
    assert (top.ids >= 32).any(), "no padding among the likeliest, so nothing would be shown"
    objective = Objective({kind: 1.0})
    shared = whole_vocabulary(student, teacher)
    wanted = by_hand(kind, student.softmax(-1), teacher[:, :32].softmax(-1))
    torch.testing.assert_close(objective.of(*shared).double(), wanted, atol=1e-5, rtol=1e-4)
    everything = objective.of(*top_k_of(teacher, 40).of(student)).double()
    torch.testing.assert_close(everything, wanted, atol=1e-5, rtol=1e-4)
    found = objective.of(*top.of(student)).double()
    assert found.isfinite().all()
    for row in range(20):
        real = top.ids[row] < 32
        part = TopK(top.ids[row][real][None], top.log_probs[row][real][None], top.rest[row][None])
        assert objective.of(*part.of(student[row][None])).item() == pytest.approx(found[row].item(), abs=1e-5)
    assert objective.of(*top_k_of(student, 12).of(teacher)).isfinite().all()  # the student has the padding


def test_what_is_stored_in_16_bits_gives_the_same_to_a_ten_thousandth() -> None:
    """Means over positions, as a loss is; teachers from nearly sure to nearly clueless."""
    for scale in (0.5, 2.0, 6.0):
        student, teacher = logits(400, 500, 1, scale), logits(400, 500, 2, scale)
        top = top_k_of(teacher, 32)
        stored = TopK(top.ids, top.log_probs.half(), top.rest)
        for kind in METHODS:
            objective = Objective({kind: 1.0})
            exact, found = objective.of(*top.of(student)).mean(), objective.of(*stored.of(student)).mean()
            assert abs(found - exact) < 1e-4 * max(1, abs(exact))


@pytest.mark.parametrize("kind", METHODS)
def test_the_gradient_is_that_of_the_dense_computation(kind: str) -> None:
    student, teacher = logits(10, 32, 1).requires_grad_(), logits(10, 32, 2)
    Objective({kind: 1.0}).of(*top_k_of(teacher, 32).of(student)).sum().backward()
    again = student.detach().double().requires_grad_()
    by_hand(kind, again.softmax(-1), teacher.softmax(-1)).sum().backward()
    torch.testing.assert_close(student.grad.double(), again.grad, atol=1e-5, rtol=1e-4)


def test_a_teacher_that_is_sure_gives_finite_losses_and_gradients() -> None:
    teacher = TopK(torch.tensor([[3, 1]]), torch.tensor([[0.0, -60.0]]), torch.tensor([1.2e-7]))
    for kind in METHODS:
        student = torch.tensor([[0.0, 0.0, 0.0, 40.0]]).requires_grad_()
        loss = Objective({kind: 1.0}).of(*teacher.of(student)).sum()
        loss.backward()
        assert loss.isfinite()
        assert student.grad.isfinite().all()
