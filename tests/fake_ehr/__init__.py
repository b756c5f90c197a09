"""The fake EHR does what it says, over real HTTP: each interaction, and each fault that can be ordered."""
