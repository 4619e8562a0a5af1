"""What applications do with each service, and what they cannot: a file a service."""
