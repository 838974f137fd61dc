"""HTTP, WebSocket, server-sent events and the chat page: parse what comes in, call one use case, render what comes out."""
