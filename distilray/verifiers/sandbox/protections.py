"""What this machine can and cannot keep a hostile program from."""

from __future__ import annotations

from functools import lru_cache

from distilray.verifiers.sandbox.client import Sandbox


@lru_cache(maxsize=1)
def protections() -> dict[str, dict[str, object]]:
    """For each protection: whether it is in place, and how, or why not. Starts one launcher to find out."""
    sandbox = Sandbox()
    try:
        sandbox.run({"form": "script", "program": ""})
        layers = sandbox.layers
    finally:
        sandbox.close()
    return describe(layers)


def describe(layers: dict) -> dict[str, dict[str, object]]:
    """The layers that the launcher reports, as promises."""
    namespaces, landlock, seccomp = layers["namespaces"], layers["landlock"], layers["seccomp"]
    no_namespaces = layers["why"].get("namespaces", "no user namespaces")
    landlock_name = f"Landlock ABI {landlock}" if landlock else ""

    def promise(*how: str) -> dict[str, object]:
        ways = [way for way in how if way]
        lacking = (
            f"{no_namespaces}; Landlock {'in use' if landlock else 'absent'}; seccomp {'on' if seccomp else 'off'}"
        )
        return {"in_place": bool(ways), "how": ", ".join(ways) or lacking}

    return {
        "files outside are hidden": promise("own mount namespace" if namespaces else "", landlock_name),
        "no network": promise(
            "own network namespace" if namespaces else "", "seccomp refuses sockets" if seccomp else ""
        ),
        "other processes are out of reach": promise(
            "own PID namespace" if namespaces else "",
            "seccomp refuses foreign signals and ptrace" if seccomp else "",
            f"{landlock_name} scopes signals" if landlock >= 6 else "",
        ),
        "daemons end with the run": promise("own PID namespace" if namespaces else "launcher reaps its orphans"),
        "processes are bounded": promise(
            "RLIMIT_NPROC" if layers["count processes"] else "seccomp refuses to fork" if seccomp else ""
        ),
        "memory, time, output and disk are bounded": promise("rlimits and a watching parent"),
        "environment is empty": promise("launcher started without one"),
        "another user": promise("runs as nobody" if layers["user"] == "nobody" else "")
        if layers["user"] != "own"
        else promise("started without privileges"),
    }
