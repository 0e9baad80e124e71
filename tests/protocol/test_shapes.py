"""What may stand for a wire type, and what its literals are."""

from typing import Annotated, Literal

from msgspec import UnsetType, inspect

from antiphon.protocol.session import Reasoning, ToolChoice
from antiphon.protocol.shapes import candidates, declared_literals, members
from antiphon.protocol.wire import Meta


def test_a_type_that_is_no_union_is_its_own_member() -> None:
    """So that callers need not ask."""
    assert members(inspect.BoolType()) == (inspect.BoolType(),)
    assert members(inspect.type_info(bool | None)) == (inspect.BoolType(), inspect.NoneType())


def test_the_kind_of_a_value_picks_its_candidates() -> None:
    """Two objects may both be meant; their tag decides later."""
    choice = inspect.type_info(ToolChoice)

    assert [type(one) for one in candidates("auto", choice)] == [inspect.LiteralType]
    assert [type(one) for one in candidates({}, choice)] == [inspect.StructType, inspect.StructType]
    assert candidates(7, choice) == []


def test_truth_is_no_number_and_an_integer_may_be_a_decimal() -> None:
    """JSON tells `true` from `1`, and writes `1` for `1.0`."""
    assert candidates(True, inspect.IntType()) == []
    assert candidates(1, inspect.FloatType()) == [inspect.FloatType()]
    assert candidates(1.0, inspect.IntType()) == []


def test_literals_keep_the_order_of_the_source() -> None:
    """The provider lists them so; msgspec sorts them."""
    hint = tuple[Annotated[Literal["b", "a"], Meta(title="x")], ...] | UnsetType | Reasoning

    assert list(declared_literals(hint)) == [("b", "a"), ("minimal", "low", "medium", "high", "xhigh")]
