"""What happens to a request: admitted or refused, answered from the cache or by a service."""
