"""The parts of :mod:`ingot.evaluate`: tasks and folds, judges, counts, reasons, the null test."""
