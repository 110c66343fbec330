"""Manifests whose media are looked at: validate, make, split, count; and rows that name features."""
