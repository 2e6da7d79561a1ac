"""Floor 2: data that live on the workers of a Dask cluster."""
