"""The world of the box, pure: time comes in as an argument and nothing blocks.

- ``box``: the whole, and every change that can come from outside; ``build``: how it was built;
  ``box_faults``: what can break in it.
- ``mains`` -> meter -> ``contactor`` -> ``car`` with its ``battery``: the ``rail``, on which energy
  flows; ``ledger``: the truth about every watt-hour; ``exact``: sums that lose nothing.
- ``header``: the Pi's 28 lines; ``wiring``: what hangs on which; ``circuits``: what those lines do
  to the rail and the rail to them; ``relays``: time relay and shunt trip.
- ``world_clock``: wall time, sync state and boots.
"""
