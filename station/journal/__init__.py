"""The durable memory of the box: sessions, outbox, tag list, boots, faults, in one SQLite file.

schema.sql   the tables
database     opening, pragmas, setting a damaged file aside
store        what is written and read; used by the journal thread only, and read-only by the CLI
keeper       in which order it is written, and what is owed while it cannot be
rows         what a row means: values to columns and back
"""
