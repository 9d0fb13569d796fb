"""Results that were damaged: what the report makes of them."""

FAMILIES = ()
