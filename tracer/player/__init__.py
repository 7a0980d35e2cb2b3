"""The engine that answers like the service: fed by a cassette (tape) or by a script (rules). No I/O, no clock."""
