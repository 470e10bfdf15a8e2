"""From graph to plan: pure passes that make stages, joined by exchanges."""
