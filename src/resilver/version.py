"""The version, where every layer can read it without importing the public face."""

__version__ = "0.1.0"
SOFTWARE = f"resilver {__version__}"
