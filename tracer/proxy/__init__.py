"""The recording proxy on mitmproxy, and the child process that runs behind it."""
