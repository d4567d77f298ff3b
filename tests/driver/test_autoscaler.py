"""What is known of the nodes that may join a cluster."""

from __future__ import annotations

import pytest
from ray.core.generated.autoscaler_pb2 import NodeGroupConfig

from distilray.driver.autoscaler import DECLARED, MANY, WrongNodes, _nodes, autoscaler
from distilray.driver.machines import nodes_there
from distilray.planning import Nodes


def test_whoever_sets_a_cluster_up_says_which_nodes_may_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        DECLARED, '[{"count": 8, "cpus": 96, "gpus": 8, "accelerator": "H100"}, {"count": 2, "cpus": 4}]'
    )
    assert autoscaler() == (True, (Nodes(8, 96, 8, "H100"), Nodes(2, 4)))


@pytest.mark.parametrize("text", ["8x80", "[{}]", '[{"count": "some", "cpus": 4}]'])
def test_what_is_no_list_of_nodes_is_refused_with_an_example(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DECLARED, text)
    with pytest.raises(WrongNodes, match=r'DISTILRAY_MAY_JOIN is .*give a list such as \[\{"count": 8'):
        autoscaler()


def test_a_platform_may_write_the_groups_of_nodes_into_the_clusters_configuration() -> None:
    group = NodeGroupConfig(resources={"CPU": 96, "GPU": 8, "accelerator_type:H100": 1}, max_count=4)
    assert _nodes(group) == Nodes(4, 96, 8, "H100")
    assert _nodes(NodeGroupConfig(resources={"CPU": 4}, max_count=-1)) == Nodes(MANY, 4)


def test_nodes_are_counted_by_what_they_have() -> None:
    head, worker = {"memory": 1e9}, {"CPU": 2.0, "memory": 1e9}
    gpus = {"CPU": 96.0, "GPU": 8.0, "accelerator_type:H100": 1.0}
    assert nodes_there([head, worker, gpus, worker]) == (Nodes(2, 2), Nodes(1, 96, 8, "H100"))


@pytest.mark.slow
def test_a_cluster_of_this_process_has_no_autoscaler(ray_cluster: None) -> None:
    assert autoscaler() == (False, ())
