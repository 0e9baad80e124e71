"""The sans-IO core: `effects = session.handle(input, now)`, and nothing else."""
