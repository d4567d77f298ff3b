"""What a client sees when something is wrong, without a cluster: the real app, over ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from ray.exceptions import ActorDiedError
from ray.serve.exceptions import BackPressureError
from starlette.responses import StreamingResponse

from distilray.serve.inference.errors import ApiError
from distilray.serve.inference.ingress import http_app

KEY = {"Authorization": "Bearer sk-right"}


class Body(BaseModel):
    model: str


def app_that_fails(api_keys: list[str]) -> FastAPI:
    """The ingress's application with routes that end as those of a model can end."""
    app = http_app(api_keys)

    @app.post("/echo")
    async def echo(body: Body) -> dict:
        return {"model": body.model}

    @app.get("/health")
    async def health() -> dict:
        return {"status": "ok"}

    @app.get("/full")
    async def full() -> None:
        raise BackPressureError(128, 128)

    @app.get("/lost")
    async def lost() -> None:
        raise ActorDiedError()

    @app.get("/bug")
    async def bug() -> None:
        raise KeyError("a secret of the server")

    @app.get("/stream/{end}")
    async def stream(end: str) -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            yield 'data: {"choices": []}\n\n'
            if end == "lost":
                raise ActorDiedError()
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    return app


def ask(method: str, path: str, *, api_keys: tuple[str, ...] = (), **request) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app_that_fails(list(api_keys)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://student") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


def error_of(response: httpx.Response) -> dict:
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return body["error"]


def test_a_good_request_passes():
    assert ask("POST", "/echo", json={"model": "student"}).json() == {"model": "student"}


def test_an_unknown_path_is_a_404():
    response = ask("GET", "/nowhere")
    assert response.status_code == 404
    assert error_of(response)["type"] == "invalid_request_error"


def test_a_field_that_is_missing_is_named():
    response = ask("POST", "/echo", json={})
    assert response.status_code == 400
    assert error_of(response)["param"] == "model"


@pytest.mark.parametrize("content", [b'{"model": "student"}', b"hello", b"\xff\xfe"])
def test_a_text_body_is_a_400_that_says_what_to_send(content: bytes):
    response = ask("POST", "/echo", content=content, headers={"Content-Type": "text/plain"})
    assert response.status_code == 400
    assert "Content-Type: application/json" in error_of(response)["message"]


def test_a_broken_json_body_is_a_400():
    response = ask("POST", "/echo", content=b'{"model": ', headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert "not JSON" in error_of(response)["message"]


def test_a_full_queue_is_a_503_that_says_when_to_come_again():
    response = ask("GET", "/full")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert error_of(response)["code"] == "overloaded"


def test_a_lost_replica_is_a_503():
    response = ask("GET", "/lost")
    assert response.status_code == 503
    assert error_of(response)["code"] == "replica_lost"


def test_a_bug_is_a_500_that_tells_nothing_of_the_inside():
    response = ask("GET", "/bug")
    assert response.status_code == 500
    assert "KeyError" not in response.text
    assert "secret" not in response.text


def test_a_request_without_key_is_a_401():
    response = ask("POST", "/echo", api_keys=("sk-right",), json={"model": "student"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert error_of(response)["code"] == "invalid_api_key"


@pytest.mark.parametrize("sent", ["Bearer sk-wrong", "Bearer ", "sk-right", "Basic sk-right", "Bearer sk-right-more"])
def test_a_wrong_key_is_a_401(sent: str):
    headers = {"Authorization": sent}
    assert ask("POST", "/echo", api_keys=("sk-right",), json={"model": "a"}, headers=headers).status_code == 401


def test_each_of_several_keys_opens():
    response = ask("POST", "/echo", api_keys=("sk-other", "sk-right"), json={"model": "student"}, headers=KEY)
    assert response.status_code == 200


def test_a_probe_needs_no_key():
    assert ask("GET", "/health", api_keys=("sk-right",)).status_code == 200


def test_a_whole_stream_is_left_alone():
    assert ask("GET", "/stream/whole").text.endswith("data: [DONE]\n\n")


def test_a_stream_that_breaks_ends_with_an_error_event():
    text = ask("GET", "/stream/lost").text
    assert "[DONE]" not in text
    last = text.strip().split("\n\n")[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "replica_lost"


def test_client_errors_and_server_errors_have_types_of_their_own():
    kinds = {status: ApiError(status, "x").body()["error"]["type"] for status in (400, 404, 500, 503)}
    assert kinds == {
        400: "invalid_request_error",
        404: "invalid_request_error",
        500: "server_error",
        503: "service_unavailable_error",
    }
