"""Who asks, and what they may: tokens, scopes, roles."""
