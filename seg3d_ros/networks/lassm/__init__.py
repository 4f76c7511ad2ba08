"""LaSSM: instances of superpoints by a query decoder with state-space layers."""
