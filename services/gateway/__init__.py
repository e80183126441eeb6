"""Gateway: the one door. Alone owns the read model, a document per customer kept from the events of all services.

It answers reads from that document, whoever else is down, takes reported events in over HTTP, and passes commands on to the
service that owns them.
"""
