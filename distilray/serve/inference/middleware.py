"""ASGI middleware of the ingress: API keys, and an error event for streams that break.

Both are plain ASGI: Starlette's BaseHTTPMiddleware would hide a client's disconnect from the engine, which should then
stop generating.
"""

import hmac
import json
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distilray.serve.inference.errors import ApiError, as_api_error

logger = logging.getLogger("ray.serve")

OPEN_PATHS = frozenset({"/health", "/ready"})
"""Probes of load balancers and Kubernetes carry no key."""


class ApiKeys:
    """Lets through requests with ``Authorization: Bearer KEY`` for one of ``keys``; 401 otherwise."""

    def __init__(self, app: ASGIApp, keys: list[str]) -> None:
        self.app = app
        self.keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS and not self._admits(scope):
            refusal = ApiError(401, "Missing or wrong API key: send Authorization: Bearer KEY", code="invalid_api_key")
            await refusal.response()(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        sent = dict(scope["headers"]).get(b"authorization", b"")
        scheme, _, token = sent.partition(b" ")
        # Every key is compared, in constant time, so that timing tells neither which nor how much of it fits.
        fits = [hmac.compare_digest(token.strip(), key) for key in self.keys]
        return scheme.lower() == b"bearer" and any(fits)


class BrokenStreams:
    """Ends an event stream that breaks with an error event instead of cutting it.

    A stream is a 200 before its first token, so that a replica lost later cannot change the status any more. OpenAI's
    clients raise on an event that holds ``error``; after a plain cut some of them take the reply for complete.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        streaming = False

        async def watch(message: Message) -> None:
            nonlocal streaming
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                streaming = kind.startswith(b"text/event-stream")
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                streaming = False
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if not streaming:
                raise
            logger.error("a stream of %s broke", scope["path"], exc_info=error)
            # Starlette wraps what it can no longer turn into a response.
            cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
            assert isinstance(cause, Exception)
            event = f"data: {json.dumps(as_api_error(cause).body())}\n\n"
            await send({"type": "http.response.body", "body": event.encode(), "more_body": False})
