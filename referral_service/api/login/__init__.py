"""How clients find and get what they need to come in: discovery, our keys, tokens."""
