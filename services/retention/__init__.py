"""Retention: alone owns whom we contact, with what, and what came of it.

It takes in what is new about customers and the warnings raised about them, decides for each warning whether its campaign
contacts the customer, holds them out or refuses, opens tasks for agents, and publishes every decision and outcome.
"""
