"""What would happen: plans, probes, canaries and reviews, none of which publishes anything."""
