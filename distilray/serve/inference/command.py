"""``distilray serve``: a student on this machine, until Ctrl-C.

A cluster is served with ``serve deploy`` and a config file (cluster/serve/student.yaml); both build the same
application.
"""

import errno
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

import psutil

from distilray.models import is_wrapper, log_text, root_cause
from distilray.serve.inference.local import DidNotStart, Stopped, ray_for_serving, signals_raise_stopped
from distilray.serve.inference.target import CannotServe, find_students
from distilray.serve.noise import noise_to
from distilray.serve.settings import API_KEYS_VARIABLE, ServedModel, ServeSettings

OK, FAILED, USER_ERROR = 0, 1, 2


def serve(
    target: str,
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    model_id: str | None = None,
    before: bool = False,
    replicas: int = 1,
    engine: dict[str, Any] | None = None,
) -> int:
    """Host ``target`` (a run, a checkpoint directory, a hub name, ``package://...``) at ``http://host:port/v1``.

    Blocks until SIGINT or SIGTERM, then stops and leaves no process. ``before`` serves the student before training
    too; ``engine``: vLLM engine arguments that override those of the run's recipe. Returns the exit status: 0 stopped
    by the user, 1 failed, 2 the input must be changed, with the reason on stderr. Ray's and vLLM's own output goes to a
    file, which is named.
    """
    try:
        models = find_students(target, model_id=model_id, before=before)
        settings = _settings(models, replicas, engine or {})
        _check_port(host, port)
    except CannotServe as error:
        print(f"distilray serve: {error}", file=sys.stderr)
        return USER_ERROR
    log = _log_file()
    with noise_to(log) as user:
        try:
            return _serve_until_stopped(settings, host, port, log, user)
        except Exception:
            traceback.print_exc()  # goes to the log
            print(
                f"distilray serve: unexpected error, please report it; its traceback is at the end of {log}", file=user
            )
            raise


def _serve_until_stopped(settings: ServeSettings, host: str, port: int, log: Path, user: TextIO) -> int:
    started = time.monotonic()
    for model in settings.models:
        print(f"Loading {model.id} from {model.source}", file=user)
    replicas = sum(model.replicas or settings.replicas for model in settings.models)
    try:
        with signals_raise_stopped(), ray_for_serving(host, port, cpus=max(replicas, os.cpu_count() or 1)) as ray_logs:
            print(f"Ray and vLLM write to {log} and {ray_logs}", file=user)
            _deploy(settings, ray_logs)
            print(_ready(settings, host, port, time.monotonic() - started), file=user)
            while True:
                signal.pause()
    except Stopped:
        print("Stopped.", file=user)
        return OK
    except DidNotStart as error:
        print(f"distilray serve: {error}\nDetails: {log}, and the directory of Ray's logs that it names", file=user)
        return FAILED


def _deploy(settings: ServeSettings, ray_logs: Path) -> None:
    import ray.serve

    from distilray.serve.inference.app import APPLICATION, build

    arguments = settings.model_dump(mode="json") | {"api_keys": [key.get_secret_value() for key in settings.api_keys]}
    try:
        ray.serve.run(build(arguments), name=APPLICATION, route_prefix="/")
    except RuntimeError as error:  # raised by Serve for an application that failed to deploy
        raise DidNotStart(f"the student did not start: {_reason(str(error), ray_logs)}") from error


def _reason(message: str, ray_logs: Path) -> str:
    """Why an application failed to deploy: Serve's ``message`` quotes a replica, and that may only have heard of it."""
    why = _last_error(message)
    if is_wrapper(why):
        logs = (log_text(path) for path in sorted(ray_logs.glob("worker-*")))
        causes = (root_cause(log) for log in [message, *logs] if "EngineCore" in log)
        why = next(filter(None, causes), why)
    return why


def _last_error(message: str) -> str:
    """The exception at the end of the traceback in Serve's message, which quotes a replica's."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    causes = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception", "Changed"))]
    return causes[-1] if causes else lines[-1]


def _settings(models: list[ServedModel], replicas: int, engine: dict[str, Any]) -> ServeSettings:
    engines = len(models) * replicas
    models = [model.model_copy(update={"engine": {**model.engine, **engine}}) for model in models]  # takes precedence
    gpus = _visible_gpus()
    if 0 < gpus < engines:
        models = [model.model_copy(update={"gpus": gpus / engines}) for model in models]
    return ServeSettings(
        models=models,
        replicas=replicas,
        # One front process starts sooner; the second is there for redeploys, which this command does not do.
        ingress_replicas=1,
        accelerator="gpu" if gpus else "cpu",
        cpus_per_replica=max(1, (os.cpu_count() or 1) // engines),
        start_attempts=1,
        engine=engine,
    )


def _visible_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotServe(f"cannot listen on {host}:{port}: {error.strerror}") from error
            raise CannotServe(f"port {port} is taken{_holder(port)}; choose another with --port") from error


def _holder(port: int) -> str:
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
        if listens and connection.pid:
            return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def _log_file() -> Path:
    return Path(tempfile.mkdtemp(prefix="distilray-serve-")) / "serve.log"


def _ready(settings: ServeSettings, host: str, port: int, seconds: float) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    model = settings.models[0].id
    key = "$DISTILRAY_API_KEY" if settings.api_keys else ""
    authorization = f"-H 'Authorization: Bearer '\"{key}\" " if key else ""
    python_key = 'os.environ["DISTILRAY_API_KEY"]' if key else '"none"'
    served = ", ".join(served.id for served in settings.models)
    lines = [
        f"Ready after {seconds:.0f} s: {served} at {url}/v1",
        "",
        f"  curl {url}/v1/chat/completions -H 'Content-Type: application/json' {authorization}\\",
        f"""    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "What is 27 + 15?"}}]}}'""",
        "",
        f"""  client = openai.OpenAI(base_url="{url}/v1", api_key={python_key})""",
        f"""  client.chat.completions.create(model="{model}", """
        """messages=[{"role": "user", "content": "What is 27 + 15?"}])""",
        "",
        f"  distilray chat {url}",
        "",
    ]
    if not settings.api_keys and host not in ("127.0.0.1", "localhost", "::1"):
        lines.append(
            f"Anyone who can reach {host}:{port} can use it; set {API_KEYS_VARIABLE}=key1,key2 to require a key."
        )
    lines.append("Ctrl-C stops it.")
    return "\n".join(lines)
