"""White-box distillation: stored, live or on-policy."""
