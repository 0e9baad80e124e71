"""For all tests."""

import logging

pytest_plugins = ("recorded_playbooks",)

# In debug mode asyncio warns of every callback that takes long. On a busy machine any callback may; tests that look
# at what was logged must not see that. Errors of asyncio still come through.
logging.getLogger("asyncio").setLevel(logging.ERROR)
