"""Engines: what hears, thinks and speaks. Third parties add theirs by entry point (see `registry`)."""
