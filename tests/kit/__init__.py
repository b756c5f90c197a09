"""What several tests share: strategies for one patient's facts."""
