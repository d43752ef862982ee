"""Use cases of recommendations: plans, and approvals."""
