"""The energy meter of the box, on its serial line.

- ``sdm630``: requests in, replies out; ``meter_models``: what tells its sisters from it;
  ``meter_registers``: the values it shows; ``meter_faults``: what can be wrong with it.
- ``line``: the RS485 line in time, on a ``pty_port``; ``modbus_rtu``: frames and checksums.
"""
