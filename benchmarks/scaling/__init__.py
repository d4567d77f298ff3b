"""Parts of ``benchmarks.scale``."""
