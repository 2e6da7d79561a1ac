"""The draft's Figures 1 and 2, run as its authors ran them, beside what they recorded."""
