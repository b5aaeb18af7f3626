"""Measuring the product: test suites, recognition scores, side-by-side tables."""
