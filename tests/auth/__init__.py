"""Who may do what: tokens, assertions, scopes and tenants, tried over HTTP on a live service."""
