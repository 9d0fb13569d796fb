"""The layer types, by family: importing a module here registers its types."""
