"""What every runner shares: it knows the model and the graph, and knows no runner."""
