"""CloudWatch's metric math, as far as ratios need it: + - * / of series and numbers, and FILL(series, number).

Part of `ministack_host`, so it imports nothing of this project. A series is a mapping from the start of a period to its
value. A moment that one series lacks is lacking in the result; so is one where a division by zero would be.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

type Series = Mapping[float, float]

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class ExpressionError(ValueError):
    """An expression that CloudWatch, or this local cloud, does not understand. The message says why."""


def resolve(
    queries: Sequence[Mapping[str, Any]], read: Callable[[Any], Series], moments: Iterable[float]
) -> dict[str, Series]:
    """The series of each MetricDataQuery by its Id: `read` gives that of a MetricStat, an Expression is worked out.

    `moments` are the starts of all periods asked for. Raises ExpressionError.
    """
    by_id = {query["Id"]: query for query in queries}
    found: dict[str, Series] = {}

    def series(name: str, on_the_way: tuple[str, ...]) -> Series:
        if name not in by_id or name in on_the_way:
            raise ExpressionError(f"the expression of {on_the_way[-1]!r} refers to {name!r}, which is not known to it")
        if name not in found:
            query = by_id[name]
            if "MetricStat" in query:
                found[name] = read(query["MetricStat"])
            else:
                tree = _parse(query.get("Expression") or "")
                known = {each: series(each, (*on_the_way, name)) for each in _names(tree)}
                found[name] = _result(tree, known, moments)
        return found[name]

    return {name: series(name, ()) for name in by_id}


def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(f"{expression!r} is not a metric math expression") from error


def _names(tree: ast.expr) -> set[str]:
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions}


def _result(tree: ast.expr, known: Mapping[str, Series], moments: Iterable[float]) -> Series:
    result = _value(tree, known, moments)
    if isinstance(result, float):
        raise ExpressionError(f"{ast.unparse(tree)!r} is a number, not a series")
    return result


def _value(node: ast.expr, known: Mapping[str, Series], moments: Iterable[float]) -> Series | float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _combined(operator.sub, 0.0, _value(operand, known, moments))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _combined(_OPERATORS[type(sign)], _value(left, known, moments), _value(right, known, moments))
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, filler], keywords=[]):
            series, stand_in = _value(filled, known, moments), _value(filler, known, moments)
            if not isinstance(series, float) and isinstance(stand_in, float):
                return dict.fromkeys(moments, stand_in) | dict(series)
    raise ExpressionError(
        f"{ast.unparse(node)!r}: the local cloud's metric math knows + - * / and FILL(series, number) only"
    )


def _combined(work: Callable[[float, float], float], left: Series | float, right: Series | float) -> Series | float:
    if isinstance(left, float) and isinstance(right, float):
        try:
            return work(left, right)
        except ZeroDivisionError as error:
            raise ExpressionError("division by zero") from error
    sides = [side for side in (left, right) if not isinstance(side, float)]
    shared = [moment for moment in sides[0] if all(moment in side for side in sides)]
    result = {}
    for moment in shared:
        a, b = (side if isinstance(side, float) else side[moment] for side in (left, right))
        if not (work is operator.truediv and b == 0):
            result[moment] = work(a, b)
    return result
