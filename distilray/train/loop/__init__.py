"""What happens in a training worker, step by step."""
