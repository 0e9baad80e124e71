"""Realtime over WebRTC: a posted SDP offer in, a `Link` with a data channel and RTP out.

aiortc does DTLS, SRTP, SCTP and, by aioice, ICE. What costs time for every packet is ours: the way from the socket to
the core and back has no queue, no task and no thread in it. All that needs aiortc is imported when it is first used.
"""
