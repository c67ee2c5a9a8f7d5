"""The plain code behind each verb: what runs once in the flow, and what runs per shard in a worker."""
