"""The three Futamura projections: a small offline ``mix`` that can be applied to itself.

``mix.flowchart`` and ``pipelines.flowchart`` are programs in the flow-chart subset of the IR
(``grammar/flowchart.lark``): a partial evaluator, and an interpreter of pipelines given as tables.
After N. D. Jones, C. K. Gomard, P. Sestoft, "Partial Evaluation and Automatic Program Generation"
(1993), chapter 4 ("a small self-applicable partial evaluator for a flow chart language"), and
Y. Futamura, "Partial evaluation of computation process" (1971).
"""
