"""Everything that goes to the server, one request at a time. No thread of its own, no waiting:
workers/uplink.py turns it, the campaign turns it on virtual time.

sender     what is the most urgent thing now
line       the one way out: what every answer means for the link, the clock and the core
heartbeat  the box's state, and the server's wishes that come back
commands   the server's commands, each once, and what became of them
taglist    the box's copy of the tags
outbox     sessions, readings, and reports of what the server refused
"""
