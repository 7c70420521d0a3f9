"""Google's GenerateContent as an outbound format, at three addresses: AI Studio, Vertex AI and Code Assist."""
