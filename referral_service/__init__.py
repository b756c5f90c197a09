"""Watches conservative spine care and proposes the referral when it is exhausted."""
