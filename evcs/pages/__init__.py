"""The pages for people: `urls` is the table of all addresses and of who may see them.

`guard` holds that table, `views/` answer, `queries`, `live`, `curves` and `homes` ask the
database, `charts` computes what is drawn, `wording` says in words what is stored as a name.
"""
