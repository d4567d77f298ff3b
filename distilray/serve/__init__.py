"""Serve: students behind an OpenAI-compatible API, on this machine or on a cluster, and a chat in the terminal."""
