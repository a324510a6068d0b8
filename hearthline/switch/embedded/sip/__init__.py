"""A SIP user agent on asyncio: the embedded engine's way to the telephone network (RFC 3261 and what trunks need of others).

Modules, from the wire up: `message` and `addresses` (grammar), `framing` and `transport` (sockets), `transaction`
(RFC 3261 §17), `digest`, `dialog`, `sdp`, `media` (RTP ports), `call` / `outgoing` / `incoming` (one telephone call),
`registration`, and `useragent`, which is what the engine talks to.
"""
