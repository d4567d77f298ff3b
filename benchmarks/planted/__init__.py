"""Replies that are written down before they are asked for: a server on loopback says them, and what they are is known.

Figures that come of it are called planted: they say what checks do with good and bad replies, not what models write.
"""
