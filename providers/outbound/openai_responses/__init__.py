"""OpenAI Responses as an outbound format: the platform's own and the Codex backend's."""
