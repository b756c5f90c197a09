"""`python -m referral_service` is `referral-service`."""

from referral_service.cli import main

main()
