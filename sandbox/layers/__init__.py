"""The walls around one process: each file puts up one of them, in the process that calls it, for good."""
