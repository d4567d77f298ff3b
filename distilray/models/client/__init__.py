"""The client side of engine pools: starting them, choosing an engine, asking it."""
