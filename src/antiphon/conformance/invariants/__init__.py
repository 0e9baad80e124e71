"""Laws over every trace: what holds in any session, whatever was asked of it.

Each takes the lines of one link, in order, and names what is wrong. A trace may end anywhere: only what was told is
judged, so what is still open at its end is no mistake. Links of older dialects have other names, and are left alone.
"""

from antiphon.conformance.case import cases_in
from antiphon.conformance.invariants import responses, sessions

CASES = (*cases_in("ordering", vars(sessions)), *cases_in("ordering", vars(responses)))
"""The family `ordering`."""
