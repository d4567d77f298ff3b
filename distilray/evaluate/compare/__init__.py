"""Two evaluations side by side: what changed, question by question, and how much of it is chance."""
