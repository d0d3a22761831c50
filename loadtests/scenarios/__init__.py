"""Who uses an issuer, and how: one kind of user a class, for locust."""
