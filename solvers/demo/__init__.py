"""The main job: experiments of the papers, computed anew, every number with its certificate, written as a report."""

from solvers.demo.data import Dataset
from solvers.demo.run import DemoResult, run_demo
from solvers.demo.sources import fetch_data, read_data

__all__ = ["Dataset", "DemoResult", "fetch_data", "read_data", "run_demo"]
