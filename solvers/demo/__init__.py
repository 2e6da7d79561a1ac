"""The main job: experiments of the papers, computed anew, every number with its certificate, written as a report."""

from solvers.demo.run import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo"]
