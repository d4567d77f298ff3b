"""lm-evaluation-harness on our engine pools: its tasks, prompts and filters, our sharding, and kept answers."""
