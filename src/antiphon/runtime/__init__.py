"""The edge that runs the core: tasks, clocks and queues."""
