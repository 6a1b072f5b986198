"""The pure core: what the box does when something happens. No I/O, no threads, no clock.

values      what the rules speak of: time, readings, sessions, reasons, state
messages    events (something happened) and commands (do something)
charging    the step: everything that closes or opens the contactor
authorization, plausibility, limits, signals    tables beside it
"""
