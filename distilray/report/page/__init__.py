"""The report: one static page that shows what a run did, to be opened, sent and printed.

Everything is in the file (no network, no build step), and it stays small whatever the size of the run: numbers come
from manifests and footers, histograms from a bounded number of units, texts from a bounded sample of rows.
"""
