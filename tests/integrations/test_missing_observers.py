"""Observers whose library is not installed."""

import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("extra", "library"),
    [("prometheus", "prometheus_client"), ("opentelemetry", "opentelemetry")],
)
def test_a_missing_library_is_one_line_that_names_the_extra(
    extra: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.split(".")[0] == library or name.startswith(f"oadb.integrations.{extra}"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(ImportError, match=rf"pip install 'oadb\[{extra}\]'") as caught:
        import_module(f"oadb.integrations.{extra}")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
