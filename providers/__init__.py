"""Everything upstream of us: vendors, wire formats, secrets and the HTTP client.

This package does not know that a proxy exists: it turns a Messages request into
an upstream call and the upstream's answer back into Messages events.
"""
