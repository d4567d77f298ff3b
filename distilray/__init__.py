"""distilray distils a large language model into a small one, at scale, on Ray."""

__version__ = "0.1.0"
