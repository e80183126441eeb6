"""Segmentation: alone owns what a customer's behaviour says: RFM scores, the named segment, and warnings.

It lives on `activity` alone. It keeps features per customer and the days on which they paid, scores each customer again when
that changes, cuts the scores anew over everybody once a day, and watches for patterns that come before churn.
"""
