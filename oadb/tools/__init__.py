"""Commands for developers, DBAs and operators."""
