"""The words of the model: time, windows, triggers, panes, functions, coders, sources and sinks."""
