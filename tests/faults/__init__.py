"""What breaks while the service works, and what a sender may still count on."""
