"""The console channel, and the lock that makes one sender of many replicas."""
