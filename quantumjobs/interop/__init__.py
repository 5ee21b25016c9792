"""Our jobs in other libraries' forms. Each is imported by name, since it imports the other library."""
