"""Floor 2: property checks of penalties and losses, for objects of one's own; see `report`, `penalty_checks`, `loss_checks`."""
