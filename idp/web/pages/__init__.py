"""Pages that people see, with Flask: one file a page, each a function from a visit to an answer."""
