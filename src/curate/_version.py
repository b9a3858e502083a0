"""The version, on its own so that any room can read it without importing the package's face."""

__version__ = "0.2.0"
