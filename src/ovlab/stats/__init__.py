"""Statistics: proportions and paired differences, launches, bootstraps over images."""
