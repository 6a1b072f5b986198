"""The one set of rules, and every write to the database.

Decisions (pure, no queries): ``verdicts`` (may this tag charge), ``settlement`` (what a session
counts). Writes: ``starts``, ``ends``, ``readings``, ``heartbeats``, ``commands``, ``quarantine``,
``stations``, ``tags``, ``months``,
``demo``; ``bookkeeping`` is what starts and ends share. Questions:
``consumption``, ``reconciliation``. ``messages`` are the arguments, ``errors`` the refusals,
``transactions`` the way to the database. Each public function is one transaction, committed when
it returns, and may be called from any thread.
"""
