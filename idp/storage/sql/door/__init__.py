"""The door's database: clients, grants without a person, spent tokens. There is no table of people, and no column."""
