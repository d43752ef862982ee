"""One OpenAPI document of everything reachable from outside, and a page to read it."""
