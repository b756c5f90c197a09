"""The coordinators' pages: what waits for a human and why, a referral with its evidence, acting on it."""
