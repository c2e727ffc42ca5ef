"""What happens when Redis goes, comes back, is slow, or refuses."""
