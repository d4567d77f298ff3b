"""What the tests of losses compare with stands on its own."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest
import torch

from tests.support import losses_written_out as written

P = torch.tensor([0.6, 0.3, 0.1]).double()
Q = torch.tensor([0.5, 0.3, 0.2]).double()


def test_it_imports_nothing_that_is_tested() -> None:
    tree = ast.parse(Path(written.__file__).read_text("utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} == {"__future__", "collections", "torch"}


def test_divergences_of_three_symbols_by_hand() -> None:
    forward = 0.6 * math.log(0.6 / 0.5) + 0.1 * math.log(0.1 / 0.2)
    reverse = 0.5 * math.log(0.5 / 0.6) + 0.2 * math.log(0.2 / 0.1)
    assert written.forward_kl(P, Q).item() == pytest.approx(forward, abs=1e-7)
    assert written.reverse_kl(P, Q).item() == pytest.approx(reverse, abs=1e-7)
    middle = [0.25 * p + 0.75 * q for p, q in ((0.6, 0.5), (0.3, 0.3), (0.1, 0.2))]
    of_p = sum(p * math.log(p / m) for p, m in zip((0.6, 0.3, 0.1), middle, strict=True))
    of_q = sum(q * math.log(q / m) for q, m in zip((0.5, 0.3, 0.2), middle, strict=True))
    assert written.jsd(P, Q, 0.25).item() == pytest.approx(0.25 * of_p + 0.75 * of_q, abs=1e-7)


def test_losses_of_a_pair_by_hand() -> None:
    chosen, rejected = torch.tensor([-1.0, -2.0]).double(), torch.tensor([-1.0, -1.0, -4.0]).double()
    ones = (-torch.ones(2).double(), -torch.ones(3).double())
    assert written.dpo("sigmoid", chosen, rejected, *ones, 0.1).item() == pytest.approx(math.log1p(math.exp(-0.2)))
    assert written.dpo("sigmoid", chosen, rejected, *ones, 0.1, 0.0).item() == pytest.approx(math.log1p(math.exp(0.1)))
    assert written.dpo("sigmoid_norm", chosen, rejected, *ones, 5.0).item() == pytest.approx(math.log1p(math.exp(-2.5)))
    assert written.dpo("ipo", chosen, rejected, *ones, 0.5).item() == pytest.approx(0.25)
    assert written.simpo(chosen, rejected, 2.0, 1.0).item() == pytest.approx(math.log1p(math.exp(0.0)))
    half = torch.tensor(0.5).double()
    assert written.kto(half, True, 1.0, half).item() == written.kto(half, False, 1.0, half).item() == 0.5
