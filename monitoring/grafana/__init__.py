"""What does the operator look at? The Grafana dashboard: its builder, its JSON and how to provision it."""
