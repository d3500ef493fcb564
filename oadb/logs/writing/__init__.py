"""What the writer of logs is made of: queue, worker, delivery, encoding for COPY."""
