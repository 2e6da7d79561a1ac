"""Regression with penalties that remove whole inputs (the ShrinkNets draft, section 4)."""
