"""Our jobs in other libraries' forms. Each is imported by name, since most import the other library."""
