"""The command evcs-station: main.py has the arguments, the other modules a command each."""
