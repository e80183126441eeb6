"""The ways out: the only place where retention talks to anything but its database and the bus."""
