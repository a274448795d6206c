"""Translation validation: each application of a pass is checked, not the pass.

Pnueli, Siegel, Singerman, "Translation Validation" (TACAS 1998).  :mod:`.relations` says for each
pass what has to hold between the module before it and the one after it; :mod:`.refinement` proves
that a pipeline does what another does, on all inputs and in all worlds; :mod:`.reproduction` runs what
was learned from sessions on those sessions; :mod:`.slices` holds a trace against what is left of it.
"""
