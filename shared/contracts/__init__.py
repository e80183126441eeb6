"""The events: an envelope, the topics, and one payload model per event type, grouped by who publishes it."""
