"""One Realtime session with a server: signaling over HTTP, media and events over WebRTC."""
