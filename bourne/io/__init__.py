"""Sources and sinks, a system a file."""
