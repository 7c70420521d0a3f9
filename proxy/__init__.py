"""Everything a client meets: routing, the attempt loop, inbound formats, the log.

    view → inbound parse → decide → attempt loop → outbound → wire → inbound render → log

Each step hands on a frozen value and nothing reaches back up. docs/architecture.md tells
the story of one request.
"""
