"""A virtual charging box: chip, GPIO header, meter, contactor, car, mains and clock.

A process of its own (evcs-simbox). It imports neither the station nor its drivers.
"""
