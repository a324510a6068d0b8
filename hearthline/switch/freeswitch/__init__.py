"""FreeSWITCH behind the switch port: driven over its event socket, browsers' legs handed in by SIP on loopback."""
