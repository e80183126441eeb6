"""HTTP bodies of the retention service, by what they are about."""
