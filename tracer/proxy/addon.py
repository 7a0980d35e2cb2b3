"""The addon: thin glue between mitmproxy's hooks and the recorder. It passes every byte on as it came."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol
from urllib.parse import parse_qsl

from mitmproxy import connection, http, tls

from tracer.proxy import uploads
from tracer.proxy.access import Access
from tracer.proxy.backlog import Backlog
from tracer.proxy.calls import Call, headers_of
from tracer.proxy.tee import Tee
from tracer.proxy.upstream import Routing, Upstream
from tracer.wire import routes
from tracer.wire.exchange import Headers, Outcome
from tracer.wire.recorder import ExchangeRecorder
from tracer.wire.redact import Query

STREAM_REQUESTS_ABOVE = 1024 * 1024

_CLIENT_GONE = "Client disconnected."
_CLIENT_HOST = "tracer_client_host"
"""Where a flow keeps the name by which the client knows us."""


class NewRecorder(Protocol):
    """Makes the recorder of a request that begins now."""

    def __call__(
        self, *, origin: str, method: str, path: str, query: Query, headers: Headers, keep_bodies: bool
    ) -> ExchangeRecorder:
        """`keep_bodies` is false for calls that are not the Interactions API's."""
        ...


class RecordingAddon:
    """Records what crosses. A mistake in here is reported once and never touches the flow."""

    def __init__(
        self,
        routing: Routing | None,
        recorder: NewRecorder,
        report: Callable[[str], None],
        *,
        access: Access | None = None,
    ) -> None:
        """With `routing`, requests of reverse mode go where it says, and everything is streamed.

        Without it, in somebody else's mitmproxy, nothing is changed but that event streams pass while they arrive.
        """
        self._routing = routing
        self._access = access or Access(None)
        self._recorder = recorder
        self._report = report
        self._reported: set[str] = set()
        self._calls: dict[str, Call] = {}
        self._backlog = Backlog(self._guarded)
        self._tunnels: set[str] = set()
        self.quiet = asyncio.Event()
        """Set while no exchange is running."""
        self.quiet.set()
        self.interactions: Counter[str] = Counter()
        """Origin -> how many Interactions calls went there."""
        self.others: Counter[str] = Counter()
        """Origin -> how many other calls went there."""
        self.tunnels: Counter[str] = Counter()
        """Host and port -> how many tunnels to it were asked for (forward mode)."""

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Somebody asks for a tunnel (forward mode)."""
        if self._access.admits(flow.request.headers.get("proxy-authorization", "")):
            self._tunnels.add(flow.client_conn.id)
            self.tunnels[f"{flow.request.host}:{flow.request.port}"] += 1
        else:
            flow.response = _refusal(407)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """A client in a tunnel does not want our certificate."""
        host = data.conn.sni or "a host without a name"
        self._say(
            f"the app broke off TLS with {host}: it trusts neither SSL_CERT_FILE nor NODE_EXTRA_CA_CERTS; "
            "give it a base URL instead (`tracer run` without --forward)",
            once=f"tls {host}",
        )

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Point the request at its upstream and open its exchange."""
        request = flow.request
        if self._routing is not None and _is_reverse(flow):
            path = self._access.inside(request.path)
            if path is None:
                flow.response = _refusal(403)
                return
            upstream, target = uploads.restored(path, self._routing.known) or self._routing.target(path)
            flow.metadata[_CLIENT_HOST] = request.host_header
            _redirect(request, upstream, target)
        else:
            if self._routing is not None and not self._admitted(flow):
                flow.response = _refusal(407)
                return
            upstream, target = Upstream(request.scheme, request.host, request.port), request.path
            if not _is_service(request):
                return
        self._guarded(self._open, flow, upstream, target)
        if _is_large(request) and self._routing is not None:
            call = self._calls.get(flow.id)
            request.stream = _tee(self, call.request_data) if call else True

    def request(self, flow: http.HTTPFlow) -> None:
        """The request is whole."""
        if call := self._calls.get(flow.id):
            body = b"" if flow.request.stream else flow.request.raw_content or b""
            self._guarded(call.request_whole, body)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Pass the response on while it arrives, with a copy to the recorder."""
        if flow.response is None:
            return
        call = self._calls.get(flow.id)
        if self._routing is not None:
            # It has gone on; a stream may run for hours beside thousands of others.
            flow.request.raw_content = None
        if self._routing is not None or (call and _is_event_stream(flow.response)):
            flow.response.stream = _tee(self, call.response_data) if call else True
        if call:
            self._guarded(call.response_started, flow.response)
        if uploads.HEADER in flow.response.headers and self._routing is not None and _is_reverse(flow):
            self._guarded(self._lead_upload_back, flow, self._routing)

    def response(self, flow: http.HTTPFlow) -> None:
        """The response is whole."""
        if call := self._forget(flow.id):
            if flow.response is not None and not flow.response.stream:
                self._guarded(call.response_data, flow.response.raw_content or b"")
            self._guarded(call.response_whole)

    def error(self, flow: http.HTTPFlow) -> None:
        """The exchange broke off; fires instead of `response`, also when an SDK hangs up after `[DONE]`."""
        message = flow.error.msg if flow.error else "unknown error"
        call = self._forget(flow.id)
        if call is None:
            return
        if message == _CLIENT_GONE or _left_asking(flow):
            outcome = Outcome.CLIENT_GONE
        elif flow.response is None:
            outcome = Outcome.FAILED
            self._say(f"{call.origin} did not answer: {message}", once=f"unreachable {call.origin}")
        else:
            outcome = Outcome.CUT
        self._guarded(call.failed, outcome, message)

    def client_disconnected(self, client: connection.Client) -> None:
        """Close what mitmproxy dropped with the connection without another hook."""
        self._tunnels.discard(client.id)
        for flow_id, call in list(self._calls.items()):
            if call.client_id == client.id:
                self._forget(flow_id)
                self._guarded(call.failed, Outcome.CLIENT_GONE, _CLIENT_GONE)

    def done(self) -> None:
        """The proxy ends: what still runs is interrupted."""
        for call in self._calls.values():
            self._guarded(call.failed, Outcome.INTERRUPTED, "the proxy was stopped")
        self._calls.clear()
        self._backlog.finish()
        self.quiet.set()

    def _forget(self, flow_id: str) -> Call | None:
        call = self._calls.pop(flow_id, None)
        if not self._calls:
            self.quiet.set()
        return call

    def _admitted(self, flow: http.HTTPFlow) -> bool:
        credential = flow.request.headers.pop("proxy-authorization", "")
        return flow.client_conn.id in self._tunnels or self._access.admits(credential)

    def _lead_upload_back(self, flow: http.HTTPFlow, routing: Routing) -> None:
        assert flow.response is not None
        base = f"http://{flow.metadata[_CLIENT_HOST]}{self._access.path}"
        url = uploads.through_us(flow.response.headers[uploads.HEADER], base, routing.known)
        if url is not None:
            flow.response.headers[uploads.HEADER] = url

    def _open(self, flow: http.HTTPFlow, upstream: Upstream, target: str) -> None:
        path, _, query_text = target.partition("?")
        query = tuple(parse_qsl(query_text, keep_blank_values=True))
        ours = routes.match(flow.request.method, path, query) is not None
        (self.interactions if ours else self.others)[upstream.origin] += 1
        recorder = self._recorder(
            origin=upstream.origin,
            method=flow.request.method,
            path=path,
            query=query,
            headers=headers_of(flow.request),
            keep_bodies=ours,
        )
        self.quiet.clear()
        self._calls[flow.id] = Call(recorder, self._backlog, upstream.origin, flow.client_conn.id)

    def _guarded[**P](self, step: Callable[P, None], *arguments: P.args, **named: P.kwargs) -> None:
        try:
            step(*arguments, **named)
        except Exception as bug:
            # Its type and place only: the text of an exception may hold what was being redacted.
            place = bug.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else "?"
            self._say(f"recording failed ({type(bug).__name__} in {where}): traffic goes on", once="bug")

    def _say(self, sentence: str, *, once: str) -> None:
        if once not in self._reported:
            self._reported.add(once)
            self._report(sentence)


def _tee(addon: RecordingAddon, take: Callable[[bytes], None]) -> Tee:
    return Tee(lambda data: addon._guarded(take, data))


def _is_reverse(flow: http.HTTPFlow) -> bool:
    return flow.client_conn.proxy_mode.type_name == "reverse"


def _left_asking(flow: http.HTTPFlow) -> bool:
    # Gone before its request was whole: mitmproxy then speaks of the protocol, as if it were the upstream's mistake.
    unread = connection.ConnectionState.CAN_READ & flow.client_conn.state
    return flow.response is None and flow.request.timestamp_end is None and not unread


def _is_service(request: http.Request) -> bool:
    # In forward mode other hosts cross too, as far as they are not encrypted.
    return routes.is_service_host(request.host) or routes.match(request.method, request.path.split("?")[0]) is not None


def _redirect(request: http.Request, upstream: Upstream, target: str) -> None:
    request.scheme, request.host, request.port = upstream.scheme, upstream.host, upstream.port
    request.host_header = upstream.authority
    if target != request.path:
        request.path = target


def _refusal(status: int) -> http.Response:
    headers = {"proxy-authenticate": 'Basic realm="tracer"'} if status == 407 else {}
    return http.Response.make(status, b"this proxy asks for its token\n", headers)


def _is_event_stream(response: http.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.lower().startswith("text/event-stream")


def _is_large(request: http.Request) -> bool:
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        return int(length) > STREAM_REQUESTS_ABOVE
    return "transfer-encoding" in request.headers
