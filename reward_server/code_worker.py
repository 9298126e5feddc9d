"""The application of a code worker: runs programs for a reward server, and judges nothing."""
