"""Clocks that step: lives in which the wall clock does everything but tell the time.

script   a life, drawn from its seed: who charges, and what the clock does meanwhile
life     plays it, and notes what the clock said when a stamp was taken
judge    stamps, ends and limits against the true time
play     plays lives in a process of its own
"""
