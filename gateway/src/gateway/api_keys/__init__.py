"""Keys for programs: a prefix to recognise, a hash to verify, roles no wider than their owner's."""
