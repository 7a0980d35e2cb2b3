"""A secret for each place where one may stand (tests that look for them in whatever was written)."""

from __future__ import annotations

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEcanarypemcanary0123456789\n-----END PRIVATE KEY-----\n"

SENT = {
    "header": "canary-header-0a1b2c3d",
    "bearer": "canary-bearer-4e5f6071",
    "query": "canary-query-8293a4b5",
    "access_token": "canary-access-c6d7e8f9",
    "cookie": "canary-cookie-0123456789ab",
    "set_cookie": "canary-setcookie-cdef01234567",
    "mcp": "canary-mcp-89abcdef01",
    "config": "canary-config-23456789ab",
    "aiza": "AIzaSyCanaryCanaryCanaryCanaryCanary012",
    "ya29": "ya29.a0canaryCANARY-canary_0123456789",
}
"""What a call and its answer may carry."""

AROUND = {
    "credential": "canary-credential-cdef0123",
    "pem": "MIIEcanarypemcanary0123456789",
    "token": "canary-token-45678901",
    "password": "canary-password-23ab45",
    "environment": "canary-environment-67cd",
}
"""What other calls, the proxy itself and the environment may."""
