"""Every statement of the retention service, by what it is about."""
