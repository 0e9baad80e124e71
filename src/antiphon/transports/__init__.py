"""How clients reach us: WebSocket and REST."""
