"""Pure translation between wire variants, at the edge."""
