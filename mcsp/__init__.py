"""MCSP, the MMetering Charging Station Protocol: what both of its sides share. Pure, no I/O."""
