"""What Holdfast publishes, pushed out: to listeners that subscribed at the hub, and as a stream of server-sent events."""
