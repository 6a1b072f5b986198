"""A box whose meter talks nonsense, on virtual time; judged by campaign.claims.garbage.

line     the serial object under the drivers, and the clock that all of it runs on
damage   what can happen to an answer, on the line and inside its checksum
people   who taps when, what the car draws, and the register's true course
life     the real meter worker, driver and rules in that world
paced    the same in real time, on a pseudo-terminal at the line's speed
judge    samples and bookings held against the register's true course
"""
