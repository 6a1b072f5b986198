"""The pure core: what the box does when something happens. No I/O, no threads, no clock.

The step, in layers that each know only those before them:

course      one step under way: state so far, commands so far
switching   what closes and opens the contactor; all of it
booking     readings, registers, and what of them is booked
returning   what a power cut or a restart left behind
charging    step(state, event, now): every event, the way of a session

Beside it tables without a memory, and what it speaks in:

closing, authorization, plausibility, liveness, metering, limits, weld, faults, resume, signals
values, settings, state, messages (events and commands)
"""
