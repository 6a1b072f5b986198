"""evcs: charging stations, tags, sessions and their energy, as a Django app beside mmetering.

``models`` hold the facts, ``services`` the one set of rules and every write; ``api``, ``admin`` and
``management`` are thin callers. Settings stand in the dict EVCS (``evcs.settings``).
"""
