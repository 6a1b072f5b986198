"""A ready-to-run Django project around evcs, with the mmetering models it extends.

Never packaged: its mmetering app would shadow the real one.
"""
