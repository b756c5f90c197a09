"""The truth of the service: resources, facts, who is due, episodes, referrals and the ledger."""
