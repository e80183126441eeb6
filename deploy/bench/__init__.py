"""`make bench`: how fast events are taken in, how soon a warning is out, how long a 360 view takes; on Kafka and PostgreSQL, and embedded."""
