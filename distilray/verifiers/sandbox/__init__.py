"""Runs untrusted Python programs: ``client`` runs them, ``protections`` tells how well they are confined."""
