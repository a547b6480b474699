"""Values that every layer shares; imports no other layer."""
