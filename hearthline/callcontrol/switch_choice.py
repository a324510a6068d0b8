"""Which engine carries this node's calls, by the setting `HEARTHLINE_SWITCH`."""

from __future__ import annotations

from dataclasses import replace

from hearthline.configuration import Configuration
from hearthline.switch.embedded.client import EmbeddedClient
from hearthline.switch.embedded.config import EngineConfig
from hearthline.switch.embedded.engine import EmbeddedSwitch
from hearthline.switch.freeswitch.config import FreeswitchConfig
from hearthline.switch.freeswitch.engine import FreeswitchSwitch


def configured_switch(configuration: Configuration) -> EmbeddedClient | FreeswitchSwitch:
    """A client of the engine, not started yet."""
    if configuration.switch == "embedded":
        return EmbeddedClient(configuration.engine_socket)
    return FreeswitchSwitch(freeswitch_config(configuration))


def trial_switch(configuration: Configuration) -> EmbeddedSwitch | FreeswitchSwitch:
    """For a trial call with this node's engine, not started yet, without disturbing the calls that are up: an embedded engine
    of its own, on ports of its own; or a guest at FreeSWITCH."""
    if configuration.switch == "embedded":
        return EmbeddedSwitch(EngineConfig(sip_bind=configuration.sip_bind, sip_advertise=configuration.sip_advertise))
    config = freeswitch_config(configuration)
    return FreeswitchSwitch(replace(config, guest=True, phones_folder=None, gateways_folder=None, incoming_folder=None))


def freeswitch_config(configuration: Configuration) -> FreeswitchConfig:
    meters = configuration.run_folder / "meters"
    meters.mkdir(parents=True, exist_ok=True)
    return FreeswitchConfig(
        meter_folder=meters,
        event_password=configuration.freeswitch_secret("event_password"),
        lines_key=configuration.freeswitch_secret("lines_key"),
        event_host=configuration.freeswitch_host,
        event_port=configuration.freeswitch_event_port,
        lines_host=configuration.freeswitch_host,
        lines_port=configuration.freeswitch_lines_port,
        sip_bind=configuration.sip_bind,
        sip_port=configuration.sip_port or configuration.freeswitch_sip_port,
        tls=bool(configuration.freeswitch_tls_port),
        tls_verify=configuration.freeswitch_tls_verify,
        gateways_folder=configuration.freeswitch_gateways,
        phones_folder=configuration.freeswitch_phones,
        incoming_folder=configuration.freeswitch_incoming,
        phones_port=configuration.freeswitch_phones_port,
        phones_realm=configuration.phones_realm,
        browser_codecs=tuple(configuration.browser_codecs),
    )
