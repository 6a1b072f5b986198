"""One thread per thing that blocks: reader (SPI), meter (serial), journal (fsync), uplink (HTTP).

Each posts events into the main thread's queue and touches nothing of the core's state.
"""
