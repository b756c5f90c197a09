"""News from other systems: notifications of their Subscriptions, taken in durably before the answer."""
