"""The ways to the server: rest.py (HTTPS), and later MCSP over a serial line.

answers   what came back, whatever the way: one vocabulary for the uplink
bodies    sessions and readings as the REST API wants them
deadline  one deadline for a whole HTTP exchange
"""
