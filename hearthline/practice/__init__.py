"""The robots process: scenarios of `quality` played by `switch.robots` as contacts, reached over SIP on loopback."""
