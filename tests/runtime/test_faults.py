"""What a log says of an exception."""

import pytest

from antiphon.faults import log_fault, told


def caught() -> Exception:
    """An exception with a cause; both quote what must not be logged."""
    with pytest.raises(ValueError) as found:  # noqa: PT011 -- of any kind
        outer()
    return found.value


def inner() -> None:
    """Fail, and quote a key."""
    raise KeyError("sk-secret")


def outer() -> None:
    """Fail because of it, and quote the caller."""
    try:
        inner()
    except KeyError as error:
        raise ValueError("what the caller said") from error


def test_a_fault_is_told_by_kind_and_place() -> None:
    """The kinds of the whole chain, and the lines that each passed."""
    here, deeper, deepest = (what.__code__.co_firstlineno for what in (caught, outer, inner))

    assert told(caught()) == (
        f"ValueError (caught line {here + 3} > outer line {deeper + 5}) "
        f"from KeyError (outer line {deeper + 3} > inner line {deepest + 2})"
    )
    assert told(ValueError("x")) == "ValueError (not raised)"


def test_the_words_of_a_fault_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """An exception may quote a caller, an argument or a key."""
    log_fault("the test", caught())

    assert caplog.records[0].message.startswith("fault in the test: ValueError (caught line ")
    assert "secret" not in caplog.text
    assert "caller" not in caplog.text


def test_a_chain_that_bites_its_tail_has_an_end() -> None:
    """Exceptions can be made to cause each other."""
    one, two = ValueError(), KeyError()
    one.__cause__, two.__cause__ = two, one

    assert told(one) == "ValueError (not raised) from KeyError (not raised)"
