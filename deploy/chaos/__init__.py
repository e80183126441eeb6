"""The fault run, `make chaos`: workers are killed at random under load, then every promise is checked exactly."""
