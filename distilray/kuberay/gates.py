"""Feature gates of the KubeRay operator (1.7), and which of them are on unless the operator is told otherwise.

helm upgrade kuberay-operator kuberay/kuberay-operator --set 'featureGates[0].name=RayCronJob' ...
"""

from __future__ import annotations

from collections.abc import Iterable

from distilray.errors import InputError

GATES = {
    "RayClusterStatusConditions": True,
    "RayJobDeletionPolicy": True,
    "RayMultiHostIndexing": True,
    "RayServiceIncrementalUpgrade": True,
    "RayCronJob": False,
    "SidecarSubmitterRestart": False,
    "RayClusterNetworkPolicy": False,
    "GCSFaultToleranceEmbeddedStorage": False,
    "RayClusterMTLS": False,
    "RayClusterHistoryServer": False,
    "KubernetesWAS": False,
}
DEFAULT = frozenset(name for name, on in GATES.items() if on)


class UnknownGate(InputError):
    """A name, or a state, that no feature gate has."""


def parse_gates(words: Iterable[str]) -> frozenset[str]:
    """The gates that are on, given ``words`` such as ``RayCronJob`` or ``RayJobDeletionPolicy=false`` beside the
    defaults. Raises :class:`UnknownGate`."""
    on = set(DEFAULT)
    for word in words:
        name, _, state = word.partition("=")
        if name not in GATES or state not in ("", "true", "false"):
            raise UnknownGate(
                f"--gate {word}: give NAME, NAME=true or NAME=false with one of KubeRay's feature gates: "
                f"{', '.join(GATES)}"
            )
        (on.discard if state == "false" else on.add)(name)
    return frozenset(on)
