"""The GA wire language of the Realtime API, as values without behaviour."""
