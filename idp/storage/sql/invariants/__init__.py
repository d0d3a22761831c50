"""What `blindage fsck` looks at: one file for each kind of promise, put together in `idp.storage.sql.fsck`."""
