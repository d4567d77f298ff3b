"""The client's side of engine pools: starting them, choosing an engine, asking it."""
