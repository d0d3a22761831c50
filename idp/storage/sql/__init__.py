"""The store on SQLite or PostgreSQL: tables, one file per aggregate, a grouping writer, migrations.

Begin with `store.open_store`.
"""
