"""The ShrinkNets draft's Propositions A.1 to A.4 as executable statements, with the hypotheses they really need.

Empty for now: the statements, their proofs and the smallest counterexamples to the draft's wording will stand here. This package
may use only the public names of `solvers`, so that what it verifies is what a user calls.
"""
