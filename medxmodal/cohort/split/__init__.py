"""Splits, always by patient."""
