"""The database: schema, writer, reader, filter language. SQLite through sqlite-utils."""
