"""Redis publish/subscribe: news travel from whoever writes a reply to whoever holds the user's connections."""
