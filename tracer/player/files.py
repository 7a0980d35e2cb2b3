"""The Files API, as far as an input needs it: resumable upload, get, list, delete (WIRE.md section 12)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from tracer.events import JsonObject
from tracer.player.failures import error_reply, json_reply
from tracer.player.ids import created, digest
from tracer.player.reply import Call, Reply

PATH = re.compile(r"(?P<prefix>.*?)(?P<upload>/upload)?/(?P<version>v\d\w*)/files(?:/(?P<id>[^/:]+))?")
"""Of the list, of one file, or of an upload."""
_RETENTION_US = 48 * 3600 * 1_000_000


@dataclass(slots=True)
class _Upload:
    name: str
    mime_type: str
    display_name: str | None
    uri: str
    size: int = 0
    hash: Any = field(default_factory=hashlib.sha256)


class Files:
    """Uploaded files: their names, types, sizes and hashes, not their bytes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._uploads: dict[str, _Upload] = {}
        self._files: dict[str, JsonObject] = {}
        self._count = 0

    def answer(self, call: Call, now_us: int) -> Reply | None:
        """The reply, or None if this is no call of the Files API."""
        found = PATH.fullmatch(call.path)
        if found is None:
            return None
        if found["upload"] and call.method == "POST" and found["id"] is None:
            upload_id = dict(call.query).get("upload_id")
            if upload_id is None:
                return self._start(call, found["prefix"], found["version"])
            return self._upload(call, upload_id, now_us)
        if found["upload"]:
            return None
        if call.method == "GET" and found["id"] is None:
            return json_reply(200, {"files": list(self._files.values())})
        file = self._files.get(f"files/{found['id']}")
        if file is None:
            return error_reply(404, "not_found", "File not found.")
        if call.method == "DELETE":
            del self._files[file["name"]]
            return json_reply(200, {})
        return json_reply(200, file) if call.method == "GET" else None

    def _start(self, call: Call, prefix: str, version: str) -> Reply:
        asked = _file_of(call.body)
        self._count += 1
        token = digest(self._seed, "file", self._count, size=16).hex()
        origin = f"http://{call.header('host') or 'localhost'}{prefix}"
        name = asked.get("name")
        name = name if isinstance(name, str) and name.startswith("files/") else f"files/{token[:12]}"
        mime_type = call.header("x-goog-upload-header-content-type") or asked.get("mimeType") or asked.get("mime_type")
        self._uploads[token] = _Upload(
            name,
            str(mime_type or "application/octet-stream"),
            asked.get("displayName") or asked.get("display_name"),
            f"{origin}/{version}/{name}",
        )
        url = f"{origin}/upload/{version}/files?upload_id={token}&upload_protocol=resumable"
        headers = (("x-goog-upload-url", url), ("x-goog-upload-status", "active"))
        return json_reply(200, {}, headers=headers)

    def _upload(self, call: Call, upload_id: str, now_us: int) -> Reply:
        upload = self._uploads.get(upload_id)
        if upload is None:
            return error_reply(404, "not_found", "Upload not found.")
        upload.size += len(call.body)
        upload.hash.update(call.body)
        if "finalize" not in (call.header("x-goog-upload-command") or ""):
            return json_reply(200, {}, headers=(("x-goog-upload-status", "active"),))
        del self._uploads[upload_id]
        file: JsonObject = {
            "name": upload.name,
            "mimeType": upload.mime_type,
            "sizeBytes": str(upload.size),
            "createTime": created(now_us),
            "updateTime": created(now_us),
            "expirationTime": created(now_us + _RETENTION_US),
            "sha256Hash": upload.hash.hexdigest(),
            "uri": upload.uri,
            "state": "ACTIVE",
            "source": "UPLOADED",
        }
        if isinstance(upload.display_name, str):
            file["displayName"] = upload.display_name
        self._files[upload.name] = file
        return json_reply(200, {"file": file}, headers=(("x-goog-upload-status", "final"),))


def _file_of(body: bytes) -> JsonObject:
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    file = value.get("file") if isinstance(value, dict) else None
    return file if isinstance(file, dict) else {}
