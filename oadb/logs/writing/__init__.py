"""The parts of a log writer: queue, worker, delivery, encoding."""
