"""Fine-tuning of encoders that give labels."""
