"""The schema's history; `referral-service migrate` brings a database to its end."""
