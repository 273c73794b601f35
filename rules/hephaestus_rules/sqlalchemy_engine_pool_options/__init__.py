"""sqlalchemy-engine-pool-options: size connection pools from what the server can give."""
