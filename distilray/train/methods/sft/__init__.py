"""Supervised fine-tuning on the rows' answers."""
