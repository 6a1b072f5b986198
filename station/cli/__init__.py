"""The command evcs-station: main.py has the arguments, most other modules a command each.

common has what they share; closing and watchman belong to `contactor test`.
"""
