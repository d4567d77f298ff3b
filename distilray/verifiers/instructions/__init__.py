"""Verifiable instructions (IFEval, arXiv 2311.07911): 25 kinds, each a function of a reply's text."""
