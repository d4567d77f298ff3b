"""A planted model: it plays the parts that tiny models cannot learn, well or badly as it is told, with known truth."""
