"""What log_writer is made of: redaction, a bounded queue, encoding for COPY, delivery.

It knows no domain: which tables there are, and the statements, log_writer gives it.
"""
