"""Runs Python programs that nobody trusts: ``client`` runs them, ``protections`` tells how well they are confined."""
