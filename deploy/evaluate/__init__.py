"""How good the warnings are: the services on a simulated operator whose truth is known, and every kind of warning measured by it."""
