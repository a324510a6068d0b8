"""Offers of real browsers, and one with everything that is unusual: the corpus of the parser's tests."""

from __future__ import annotations

CHROMIUM = """\
v=0
o=- 9110195209990836157 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS 2966d4f6-a07a-4567-8647-49431357d6b2
m=audio 42965 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 127.0.0.1
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:3731926145 1 udp 2122194687 127.0.0.1 42965 typ host generation 0 network-id 3 network-cost 50
a=candidate:3783775578 1 udp 2122267903 ::1 36597 typ host generation 0 network-id 4 network-cost 50
a=candidate:2696891929 1 tcp 1518214911 127.0.0.1 9 typ host tcptype active generation 0 network-id 3 network-cost 50
a=ice-ufrag:HEke
a=ice-pwd:Cu6UqFH5yvhdmvF+4EsTJz8g
a=ice-options:trickle
a=fingerprint:sha-256 44:28:89:14:EB:2B:07:C5:85:79:0E:3C:E5:6C:61:8A:A7:AE:29:D5:2D:2D:15:64:2C:68:90:19:49:A3:47:60
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:2966d4f6-a07a-4567-8647-49431357d6b2 f549607e-6dd4-4afc-b940-07afbee34b0c
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:1387753920 cname:KFkGI+C3VqIpatD1
a=ssrc:1387753920 msid:2966d4f6-a07a-4567-8647-49431357d6b2 f549607e-6dd4-4afc-b940-07afbee34b0c
""".replace("\n", "\r\n")

FIREFOX = """\
v=0
o=mozilla...THIS_IS_SDPARTA-99.0 578947613302494288 1 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:sha-256 C1:00:AB:9E:2C:3F:E6:52:1F:6E:74:C6:F1:76:18:0E:DD:9D:52:29:47:5A:82:6B:2E:F8:A1:28:B2:BF:70:09
a=group:BUNDLE 0
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 0 101 109 9 8
c=IN IP4 0.0.0.0
a=sendrecv
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap-allow-mixed
a=fmtp:101 0-15
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=ice-pwd:165e0e726bf8242aa4e1a4e60414f376
a=ice-ufrag:7e3e055b
a=mid:0
a=msid:{77fe80b1-403b-4183-91de-2359beae27a4} {12264a89-91a9-4b1a-922a-919f96297114}
a=rtcp-fb:0 transport-cc
a=rtcp-fb:109 transport-cc
a=rtcp-fb:9 transport-cc
a=rtcp-fb:8 transport-cc
a=rtcp-mux
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:8 PCMA/8000
a=setup:actpass
a=ssrc:4291234791 cname:{55c65b70-6007-4192-a662-972a5f6a62df}
""".replace("\n", "\r\n")

UNUSUAL = """\
v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE v a
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:v
a=sendrecv
a=rtpmap:96 VP8/90000
m=audio 9 UDP/TLS/RTP/SAVPF 8 0 111 101
c=IN IP4 0.0.0.0
a=mid:a
a=sendonly
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-512 FINGERPRINT
a=fingerprint:md5 00:11
a=setup:active
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:101 telephone-event/8000
""".replace("\n", "\r\n").replace("FINGERPRINT", ":".join(["AB"] * 64))

OFFERS = (CHROMIUM, FIREFOX, UNUSUAL)
