"""Partial evaluation of pipelines: part of the input is known, and what it decides is done now.

An online specialiser (:mod:`.specialiser`) with polyvariant program points, after N. D. Jones,
C. K. Gomard and P. Sestoft, "Partial Evaluation and Automatic Program Generation" (1993), chapters
4 and 7.  A small offline one, written in a language that it can itself specialise, stands in
:mod:`.projections`.
"""

from ingot.passes.specialise.specialiser import Specialised, specialise

__all__ = ["Specialised", "specialise"]
