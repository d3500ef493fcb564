"""What an integration says if the library that it is for is not installed."""


def missing_extra(extra: str, error: ModuleNotFoundError) -> ImportError:
    """Return the error to raise for a library that was not found; it names the extra to install.

    Args:
        extra: of oadb, such as ``fastapi``.
        error: of the import that failed.
    """
    return ImportError(
        f"oadb.integrations.{extra} needs {error.name}, which is not installed: "
        f"pip install 'oadb[{extra}]'",
        name=error.name,
    )
