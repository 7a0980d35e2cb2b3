"""Traffic that other programs recorded, on its way into the database: read, redacted, keyed, stored."""
