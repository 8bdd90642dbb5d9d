"""SUM, AVG and others went through DOUBLE: sums of NUMBER were off in the last digits.

fakesnow casts so that text can be summed as on Snowflake. Exact sums matter more: text in a sum is
an error here, and says so.
"""

from fakesnow import transforms
from fakesnow.transforms.transforms import numeric_agg_implicit_cast
from sqlglot import Expr, exp

_original = numeric_agg_implicit_cast


def _numeric_agg_implicit_cast(expression: Expr) -> Expr:
    argument_was_cast = isinstance(expression.this, exp.Cast)
    result = _original(expression)
    aggregate = result.this if isinstance(result, exp.Alias) else result
    if (
        isinstance(expression, exp.AggFunc)
        and isinstance(aggregate.this, exp.TryCast)
        and not argument_was_cast
    ):
        aggregate.set("this", aggregate.this.this)
    return result


def apply() -> None:
    """Keep the name of the column that fakesnow computes, and leave out its cast."""
    transforms.numeric_agg_implicit_cast = _numeric_agg_implicit_cast
