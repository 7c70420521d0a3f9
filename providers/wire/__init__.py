"""The wire: bytes to events and back. Pure; imports no Django, httpx or asyncio."""
