"""A virtual charging box: chip, GPIO header, meter, contactor, car, mains and clock.

A process of its own (evcs-simbox). It imports neither the station nor its drivers.

- ``world``: the power path and everything soldered to it, as a pure model.
- ``rfid``: the reader chip by register, its radio, the cards.
- ``meter``: the energy meter on its serial line; ``electrical``: what it measures.
- ``hardware``: all of that assembled, in real time; ``faults``: what can break, by name.
- ``serving``: the process around it, its socket, requests, answers and texts; ``cli``: the command.
- ``client``: how to talk to a box; ``standins``: the hardware libraries of a Pi, made of clients.
"""
