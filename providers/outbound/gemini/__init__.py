"""Gemini as an outbound format: request, response, stream, errors and counting, each a module."""
