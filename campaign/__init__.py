"""The campaign: machinery that tries to lose, double or falsify a watt-hour, and counts.

figures    what a part of the campaign measured, the table of it, the page that is published
claims/    one module for each claim that is measured by itself
disk/      files as a power cut leaves them
fast/      lives on virtual time: rules, journal, uplink and server functions in one process
whole/     lives of the real daemon, a simulated box and the real server

`make campaign` runs all of it (docs/reliability.md); any part alone: ``python -m campaign --help``.
"""
