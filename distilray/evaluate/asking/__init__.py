"""Published benchmarks are asked: their questions as rows, the step that asks and scores, and what comes of it."""
