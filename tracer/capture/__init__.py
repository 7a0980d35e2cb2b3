"""From a running recorder to the store: journal segments and the ingester. Knows no mitmproxy."""
