"""The box as a process: its socket, its requests, its texts.

- ``service``: connections and who they are; ``doorway``: the names in the file system;
  ``watchers``: who hears of events.
- ``operations``: what can be asked; ``arguments``: checked input; ``report``: answers as data.
- ``usage``: the command line; ``wording``: answers as one line of text.
"""
