"""A real systemd, booted as a container beside the simulated box, runs the shipped unit.

``root`` builds the file system, ``machine`` boots and asks, ``stage`` puts box, server and unit
together, ``hanging`` is a daemon that can be told to hang. Needs root, systemd-nspawn and the
system's Python; :func:`campaign.container.machine.why_not` says what is missing.
"""
