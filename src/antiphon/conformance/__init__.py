"""Does a server speak the protocol? Black-box cases, one file per family, and laws over every trace."""
