"""CloudWatch's three protocols, CBOR, JSON and query strings, as one: nested members in, nested members out.

Part of `ministack_host`, so it imports nothing of this project. boto3 speaks JSON.
"""

from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudwatch as cw

type Request = dict[str, Any]


class RequestError(ValueError):
    """A request that CloudWatch refuses. `code` is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def structured(params: Request, body: Request, is_structured: bool) -> Request:
    """A request as nested members, whether it came as CBOR, JSON or a query string (whose values are all strings)."""
    if is_structured:
        return body
    root: Request = {}
    for key, values in params.items():
        *above, last = key.split(".")
        node = root
        for part in above:
            node = node.setdefault(part, {})
        node[last] = values[0] if isinstance(values, list) else values
    nested: Request = _listed(root)
    return nested


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if "member" in node:
        return [_listed(node["member"][number]) for number in sorted(node["member"], key=int)]
    return {key: _listed(value) for key, value in node.items()}


def handler(operation: str, handle: Callable[[Request], Request]) -> Callable[..., Any]:
    """A function on nested members, as MiniStack's handler of an operation in all three protocols.

    Timestamps of its answer, under `Timestamp` and `Timestamps`, are seconds.
    """

    def answer(params: Request, body: Request, is_cbor: bool, is_json: bool = False) -> Any:
        try:
            result = handle(structured(params, body, is_cbor or is_json))
        except RequestError as error:
            return refused(error, is_cbor, is_json)
        except KeyError as error:
            missing = RequestError("MissingParameter", f"The request must contain the parameter {error.args[0]}.")
            return refused(missing, is_cbor, is_json)
        if is_cbor:
            return cw._cbor_ok(_timed(result, cw._cbor_timestamp))
        if is_json:
            return cw._json_ok(_timed(result, int))
        return cw._xml(200, f"{operation}Response", _xml({f"{operation}Result": _timed(result, cw._ts_iso)}))

    return answer


def refused(error: RequestError, is_cbor: bool, is_json: bool) -> Any:
    """The answer that refuses a request."""
    return cw._error(error.code, str(error), 400, use_json=is_json, use_cbor=is_cbor)


def _timed(value: Any, encode: Callable[[float], Any], name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _timed(each, encode, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_timed(each, encode, name) for each in value]
    return encode(value) if name in ("Timestamp", "Timestamps") else value


def _xml(value: Any, name: str = "") -> str:
    if isinstance(value, dict) and name == "ExtendedStatistics":
        return "".join(f"<entry><key>{escape(key)}</key><value>{each}</value></entry>" for key, each in value.items())
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(each, key)}</{key}>" for key, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return escape(str(value))
