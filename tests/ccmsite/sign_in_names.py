"""What the sign-in tests and the settings of their server both know."""

CLIENT = "client-of-the-tests"
