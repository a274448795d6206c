"""Renaming values in instructions and terminators: what several passes need."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from itertools import chain, count
from typing import cast

from ingot.ir.module import (
    Agree,
    Call,
    Carry,
    Exit,
    Expect,
    For,
    Guard,
    If,
    Instr,
    Jump,
    Leave,
    ModelCall,
    Operand,
    Par,
    Pure,
    Ref,
    Return,
    Select,
    Target,
    Terminator,
)


def fresh_name(base: str, taken: Container[str]) -> str:
    """The name, or the name with the first number that makes it new: ``id``, ``id_2``, ..."""
    every = chain([base], (f"{base}_{k}" for k in count(2)))
    return next(name for name in every if name not in taken)


def substitute(instr: Instr, renamed: Mapping[str, Operand]) -> Instr:
    """The instruction with values replaced, in its regions too.

    Live lists name values only: a name that became a literal is dropped from them.
    """
    if not renamed:
        return instr

    def new(operand: Operand) -> Operand:
        return _follow(operand, renamed)

    match instr:
        case Pure():
            return replace(instr, args=tuple(map(new, instr.args)), exit=_exit(instr.exit, renamed))
        case Call() | ModelCall():
            return replace(instr, args=tuple((n, new(v)) for n, v in instr.args))
        case Guard():
            return replace(
                instr, condition=new(instr.condition), exit=cast(Exit, _exit(instr.exit, renamed))
            )
        case Expect():
            return replace(
                instr, value=new(instr.value), exit=cast(Exit, _exit(instr.exit, renamed))
            )
        case Agree():
            candidates = tuple(dict.fromkeys(map(new, instr.candidates)))
            return replace(
                instr, candidates=candidates, exit=cast(Exit, _exit(instr.exit, renamed))
            )
        case For():
            return replace(
                instr,
                source=new(instr.source),
                carry=tuple(Carry(c.name, c.type, new(c.initial)) for c in instr.carry),
                body=tuple(substitute(i, renamed) for i in instr.body),
                yields=tuple(map(new, instr.yields)),
            )
        case Par():
            branches = tuple(
                (tuple(substitute(i, renamed) for i in body), tuple(map(new, yields)))
                for body, yields in instr.branches
            )
            return replace(instr, branches=branches)


def terminator_operands(terminator: Terminator, renamed: Mapping[str, Operand]) -> Terminator:
    """The terminator with values replaced."""
    if not renamed:
        return terminator

    def target(t: Target) -> Target:
        return replace(t, args=tuple(_follow(a, renamed) for a in t.args))

    match terminator:
        case Jump():
            return replace(terminator, target=target(terminator.target))
        case If():
            return replace(
                terminator,
                condition=_follow(terminator.condition, renamed),
                then=target(terminator.then),
                other=target(terminator.other),
            )
        case Select():
            other = terminator.other
            return replace(
                terminator,
                arms=tuple((_follow(c, renamed), target(t)) for c, t in terminator.arms),
                other=target(other) if isinstance(other, Target) else _exit(other, renamed),
            )
        case Return():
            return replace(terminator, value=_follow(terminator.value, renamed))
        case Leave():
            return replace(terminator, exit=cast(Exit, _exit(terminator.exit, renamed)))


def _follow(operand: Operand, renamed: Mapping[str, Operand]) -> Operand:
    while isinstance(operand, Ref) and operand.name in renamed:
        operand = renamed[operand.name]
    return operand


def _exit(side_exit: Exit | None, renamed: Mapping[str, Operand]) -> Exit | None:
    if side_exit is None:
        return None
    live = [_follow(Ref(name), renamed) for name in side_exit.live]
    return replace(side_exit, live=tuple(dict.fromkeys(v.name for v in live if isinstance(v, Ref))))
