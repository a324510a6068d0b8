"""A telephone network for tests, made of other people's software: Kamailio as the provider, baresip as the phones, SIPp.

    with Provider(folder, accounts={"line": Account("secret", caller_ids={"74950000001"})}) as provider:
        with Phone(folder, number="79160000001", tone_hz=659, provider=provider) as phone:
            ...call +79160000001 through `provider.trunk("line")`...
            phone.wait_closed()
            assert frequency_level(phone.heard(), 440) > 3000

Everything listens on free ports of loopback, keeps its files in the given folder and ends with its `with` block.
Needs the Debian packages kamailio, baresip-core and sip-tester; `needs(...)` skips a test that lacks them.
"""
