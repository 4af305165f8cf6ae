"""From a Python syntax tree to code for numexpr, through short lists of what is allowed.

The code written here works on float64 arrays and never holds two numbers side by side, so that numexpr has nothing
to compute in Python, where `9**9**9` would take for ever.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, NamedTuple

from core.errors import ScheduleError, suggestion
from schedules.syntax import Piece

Kind = Literal["truth", "whole", "real"]  # how a result is written as text: True, 3, 3.0
Bits = Literal["&", "|", "^", "<<", ">>"]

CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": 3.141592653589793, "e": 2.718281828459045})

REAL_FUNCTIONS = (  # of one number, with results that are real numbers
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
    *("exp", "expm1", "log", "log2", "log10", "log1p", "sqrt"),
)
WHOLE_FUNCTIONS = ("abs", "floor", "ceil", "round", "trunc", "sign")  # of one number; whole for whole numbers
PAIR_FUNCTIONS = MappingProxyType(  # of two numbers: code, and whether whole numbers give whole numbers
    {"arctan2": ("arctan2({},{})", False), "hypot": ("hypot({},{})", False), "fmod": ("fmod({},{})", True)}
    | {"pow": ("({}**{})", True)}
)
EXTREMES = MappingProxyType({"min": "minimum", "max": "maximum", "minimum": "minimum", "maximum": "maximum"})
FUNCTIONS = (*REAL_FUNCTIONS, *WHOLE_FUNCTIONS, *PAIR_FUNCTIONS, *EXTREMES, "clamp", "clip", "where")

_ARITHMETIC: Mapping[type[ast.operator], str] = MappingProxyType(
    {ast.Add: "({}+{})", ast.Sub: "({}-{})", ast.Mult: "({}*{})", ast.Mod: "({}%{})", ast.Pow: "({}**{})"}
    | {ast.FloorDiv: "floor({}/{})", ast.Div: "({}/{})"}
)
_BITS: Mapping[type[ast.operator], Bits] = MappingProxyType(
    {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>"}
)
_COMPARISONS: Mapping[type[ast.cmpop], str] = MappingProxyType(
    {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
)
_WHERE = "where({},{},{})"


class Step(NamedTuple):
    """What is computed before the code that uses it, and kept under a name."""

    name: str
    codes: tuple[str, ...]  # one to keep as it is, or two to join
    bits: Bits | None = None  # joins the two as whole numbers


class Term(NamedTuple):
    """A part of an expression as numexpr code."""

    code: str
    kind: Kind
    steps: tuple[Step, ...] = ()  # to be run before, in this order


@dataclass(frozen=True, slots=True)
class Translation:
    """How one expression is read."""

    piece: Piece  # the expression, for faults
    names: Mapping[str, Kind]  # what may be used besides constants and functions
    literals: Mapping[int, str]  # the code of each number, by its column

    def term(self, node: ast.expr) -> Term:
        """The code of one node and all below it.

        Raises:
            ScheduleError: for anything that is not on the lists.
        """
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BinOp():
                return self._binary(node)
            case ast.BoolOp():
                return self._choice(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.IfExp():
                return _where(self.term(node.test), self.term(node.body), self.term(node.orelse))
            case ast.Call(func=ast.Name(id=name)):
                return self._call(node, name)
        raise self._fault(
            node, "this is not part of the schedule language", "Use numbers, names, operators and functions"
        )

    def _constant(self, node: ast.Constant) -> Term:
        return Term(self.literals[node.col_offset], "whole" if isinstance(node.value, int) else "real")

    def _name(self, node: ast.Name) -> Term:
        if node.id in self.names:
            return Term("t" if node.id == "i" else node.id, self.names[node.id])
        if node.id in CONSTANTS:
            return Term(node.id, "real")
        if node.id in FUNCTIONS:
            raise self._fault(node, f"{node.id} is a function", f"Write its values in brackets, as in {node.id}(t)")
        raise self._fault(node, f"unknown name {node.id!r}", suggestion(node.id, (*self.names, *CONSTANTS)))

    def _unary(self, node: ast.UnaryOp) -> Term:
        term = self.term(node.operand)
        match node.op:
            case ast.UAdd():
                return _number(term)
            case ast.USub():
                return _number(term)._replace(code=f"(-{_number(term).code})")
            case ast.Not():
                return _truth(term)._replace(code=f"(~{_truth(term).code})")
        if term.kind == "truth":  # ~ is what is left
            return term._replace(code=f"(~{term.code})")
        return self._kept(node, (term, Term("-1.0", "whole")), "^")

    def _binary(self, node: ast.BinOp) -> Term:
        left, right = self.term(node.left), self.term(node.right)
        kind = type(node.op)
        if kind in _ARITHMETIC:
            return _joined(_ARITHMETIC[kind], left, right, is_real=kind is ast.Div)
        if kind not in _BITS:
            raise self._fault(node, "this operator is not part of the schedule language", "Use + - * / // % **")
        bits = _BITS[kind]
        if left.kind == right.kind == "truth" and bits in ("&", "|", "^"):
            sign = "!=" if bits == "^" else bits
            return Term(f"({left.code}{sign}{right.code})", "truth", steps=_before(left, right))
        return self._kept(node, (_number(left), _number(right)), bits)

    def _choice(self, node: ast.BoolOp) -> Term:
        """`and` and `or`: as in Python, the operand that decides."""
        first, *others = node.values
        result = self.term(first)
        for other in others:
            term = self.term(other)
            if result.kind == term.kind == "truth":
                sign = "&" if isinstance(node.op, ast.And) else "|"
                result = Term(f"({result.code}{sign}{term.code})", "truth", steps=_before(result, term))
            else:
                result = self._kept(other, (_number(result),))
                both = (term, result) if isinstance(node.op, ast.And) else (result, term)
                result = _where(result, *both)
        return result

    def _comparison(self, node: ast.Compare) -> Term:
        """One comparison, or a chain of them whose middle parts are computed once."""
        first, *middle, last = (node.left, *node.comparators)
        terms = [_number(self.term(first))]
        terms += [self._kept(part, (_number(self.term(part)),)) for part in middle]
        terms += [_number(self.term(last))]
        codes = []
        for operator, (left, right) in zip(node.ops, pairwise(terms), strict=True):
            if type(operator) not in _COMPARISONS:
                raise self._fault(node, "this comparison is not part of the schedule language", "Use < <= > >= == !=")
            codes.append(f"({left.code}{_COMPARISONS[type(operator)]}{right.code})")
        return Term(f"({'&'.join(codes)})", "truth", steps=_before(*terms))

    def _call(self, node: ast.Call, name: str) -> Term:
        if name not in FUNCTIONS:
            known = FUNCTIONS if name not in self.names else ()
            what = f"no function {name!r}" if known else f"{name} is no function"
            raise self._fault(node, what, suggestion(name, known) if known else f"Write {name}*(…) to multiply")
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self._fault(node, f"{name} takes plain values only")
        terms = [self.term(argument) for argument in node.args]
        needed = 1 if name in (*REAL_FUNCTIONS, *WHOLE_FUNCTIONS) else 3 if name in ("where", "clamp", "clip") else 2
        if len(terms) < needed or (len(terms) > needed and name not in EXTREMES):
            many = f"{needed} or more values" if name in EXTREMES else f"{needed} value{'s' if needed > 1 else ''}"
            raise self._fault(node, f"{name} takes {many}, not {len(terms)}")
        return _applied(name, terms)

    def _kept(self, node: ast.expr, terms: tuple[Term, ...], bits: Bits | None = None) -> Term:
        """A result that is computed first and stands here under a name, made from the node's place."""
        name = f"_{'bits' if bits else 'kept'}_{node.col_offset}_{node.end_col_offset}"
        step = Step(name, tuple(term.code for term in terms), bits)
        return Term(name, "whole" if bits else terms[0].kind, steps=(*_before(*terms), step))

    def _fault(self, node: ast.expr, what: str, way_out: str = "") -> ScheduleError:
        return self.piece.fault(what, node.col_offset, way_out=way_out)


def _applied(name: str, terms: list[Term]) -> Term:
    """A function of as many terms as it takes."""
    if name == "where":
        return _where(*terms)
    if name in ("clamp", "clip"):
        value, low, high = terms
        return _joined("minimum({},{})", _joined("maximum({},{})", value, low), high)
    if name in EXTREMES:
        result = terms[0]
        for term in terms[1:]:
            result = _joined(EXTREMES[name] + "({},{})", result, term)
        return result
    if name in PAIR_FUNCTIONS:
        form, keeps_whole = PAIR_FUNCTIONS[name]
        return _joined(form, *terms, is_real=not keeps_whole)
    term = _number(terms[0])
    return Term(f"{name}({term.code})", term.kind if name in WHOLE_FUNCTIONS else "real", steps=term.steps)


def _joined(form: str, left: Term, right: Term, *, is_real: bool = False) -> Term:
    """Two numbers in one code; real if either is."""
    left, right = _number(left), _number(right)
    kind: Kind = "real" if is_real or "real" in (left.kind, right.kind) else "whole"
    return Term(form.format(left.code, right.code), kind, steps=_before(left, right))


def _where(test: Term, yes: Term, no: Term) -> Term:
    test, yes, no = _truth(test), _number(yes), _number(no)
    kind: Kind = "real" if "real" in (yes.kind, no.kind) else "whole"
    return Term(_WHERE.format(test.code, yes.code, no.code), kind, steps=_before(test, yes, no))


def _before(*terms: Term) -> tuple[Step, ...]:
    """What is to be computed before several terms, each step once."""
    return tuple(dict.fromkeys(step for term in terms for step in term.steps))


def _number(term: Term) -> Term:
    """A truth as 1 or 0; a number as it is."""
    return term._replace(code=_WHERE.format(term.code, "1.0", "0.0"), kind="whole") if term.kind == "truth" else term


def _truth(term: Term) -> Term:
    """A number as whether it is not 0; a truth as it is."""
    if term.kind == "truth":
        return term
    return Term(f"({term.code}!=0.0)", "truth", steps=term.steps)
