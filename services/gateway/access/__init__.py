"""Who may ask the gateway for what, how much of it, and what is noted of those who were refused."""
