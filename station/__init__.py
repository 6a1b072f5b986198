"""The daemon on the charging box. docs/architecture.md tells its threads and its rules."""

__version__ = "0.1.0"
