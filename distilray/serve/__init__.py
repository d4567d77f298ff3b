"""Serve: students behind an OpenAI-compatible API, and a chat in the terminal.

``serve`` hosts a run's student on this machine; ``distilray.serve.app:build`` is the same application for
``serve run`` and ``serve deploy`` (cluster/serve/student.yaml). ``chat`` talks to a student, served or not.
"""

from distilray.serve.chat import chat
from distilray.serve.command import serve
from distilray.serve.settings import ServedModel, ServeSettings
from distilray.serve.target import CannotServe, find_students

__all__ = ["CannotServe", "ServeSettings", "ServedModel", "chat", "find_students", "serve"]
