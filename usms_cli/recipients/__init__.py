"""Reading recipients: a file of any format becomes records, and records checked recipients.

Knows nothing of sending.
"""
