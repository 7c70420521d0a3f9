"""Signing in to a vendor with an account: OAuth 2.0 with PKCE.

`flows` (the vendors as data), `pkce`, `exchange` and `tokens` are pure; `models` are the tables;
`clients` says as whom we ask; `sign_in` starts and completes one; `held` is what this process knows
of the tokens, `lease` how processes agree on who renews one, `keeper` the thread that does it.
"""
