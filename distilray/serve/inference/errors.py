"""Every error that leaves the ingress has OpenAI's shape, so that its clients raise the right exception.

    {"error": {"message": "The model 'gpt' does not exist; available: student", "type": "invalid_request_error",
               "param": "model", "code": "model_not_found"}}

Exceptions' class names, tracebacks and replica names stay in the log.
"""

import logging

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

logger = logging.getLogger("ray.serve")

RETRY_AFTER_S = 1
"""Retry-After of a 503 or 429, in seconds."""

_TYPES = {408: "timeout_error", 429: "rate_limit_error", 503: "service_unavailable_error"}


class ApiError(Exception):
    """An error response to the client: status, message, and OpenAI's ``param`` and ``code``."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code

    def body(self) -> dict:
        fallback = "invalid_request_error" if self.status < 500 else "server_error"
        kind = _TYPES.get(self.status, fallback)
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        headers = {"Retry-After": str(RETRY_AFTER_S)} if self.status in (429, 503) else None
        if self.status == 401:
            headers = {"WWW-Authenticate": "Bearer"}
        return JSONResponse(self.body(), self.status, headers)


def unknown_model(model: str, known: list[str]) -> ApiError:
    return ApiError(
        404,
        f"The model {model!r} does not exist; available: {', '.join(known)}",
        param="model",
        code="model_not_found",
    )


def as_api_error(error: Exception) -> ApiError:
    """The response for any exception that reached the ingress, in the client's terms."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid_body(error)
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, str(error.detail))
    if isinstance(error, BackPressureError):
        return ApiError(503, "All replicas are busy and the queue is full; try again.", code="overloaded")
    if isinstance(error, (RayActorError, DeploymentUnavailableError)) or _engine_died(error):
        return ApiError(503, "The replica that had this request was lost; try again.", code="replica_lost")
    # vLLM's refusals (too long a prompt, an unknown parameter) arrive as Ray's own exception with a status.
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and 400 <= status < 500:
        return ApiError(status, getattr(error, "message", None) or str(error))
    return ApiError(500, "The server failed on this request; the cause is in its log.", code="internal_error")


def _engine_died(error: Exception) -> bool:
    if not isinstance(error, RayTaskError):
        return False
    from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

    return isinstance(error.cause, (EngineDeadError, EngineGenerateError))


def _invalid_body(error: RequestValidationError) -> ApiError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or None
    if first["type"] == "json_invalid":
        return ApiError(400, f"The body is not JSON: {first.get('ctx', {}).get('error', first['msg'])}")
    if place is None and not isinstance(first.get("input"), dict):
        return ApiError(400, "The body must be a JSON object sent with Content-Type: application/json")
    return ApiError(400, f"{place}: {first['msg']}" if place else first["msg"], param=place)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    answer = as_api_error(error)
    if answer.status >= 500:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer.response()


def shape_errors(app: FastAPI) -> None:
    """Answer every exception of ``app`` in OpenAI's shape."""
    for kind in (RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
    # Starlette re-raises what only the handler of Exception caught, which the Serve replica then reports as its
    # own failure; the expected ones are therefore named.
    for kind in (ApiError, BackPressureError, RayActorError, RayTaskError, DeploymentUnavailableError):
        app.add_exception_handler(kind, _answer)
