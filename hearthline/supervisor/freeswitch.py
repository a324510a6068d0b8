"""A FreeSWITCH node as the settings describe it."""

from __future__ import annotations

from hearthline.configuration import Configuration
from hearthline.switch.freeswitch.rendering import NodeConfig


def node_config(configuration: Configuration) -> NodeConfig:
    """Raises RenderError for a setting that FreeSWITCH cannot be given."""
    return NodeConfig(
        event_password=configuration.freeswitch_secret("event_password"),
        lines_key=configuration.freeswitch_secret("lines_key"),
        control_host=configuration.freeswitch_host,
        event_port=configuration.freeswitch_event_port,
        lines_port=configuration.freeswitch_lines_port,
        media_bind=configuration.media_bind[0],
        media_advertise=configuration.media_advertise[0] if configuration.media_advertise else "",
        sip_bind=configuration.sip_bind,
        sip_advertise=configuration.sip_advertise,
        sip_port=configuration.sip_port or configuration.freeswitch_sip_port,
        tls_port=configuration.freeswitch_tls_port,
        tls_verify=configuration.freeswitch_tls_verify,
        phones_port=configuration.freeswitch_phones_port if configuration.phones_register else 0,
        phones_realm=configuration.phones_realm,
        rtp_ports=configuration.rtp_ports,
        max_sessions=configuration.freeswitch_max_sessions,
        sessions_per_second=configuration.freeswitch_sessions_per_second,
    )
