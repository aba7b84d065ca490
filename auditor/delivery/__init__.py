"""Finished files handed out: each way of delivery in a file of its own."""
