"""Who wants to hear about what, where and in which language."""
