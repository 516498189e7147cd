//! Minimal HTTP for the fakes: a server whose handler may also close the connection without a
//! response, and a client that sends one request per connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Maximum size of a body. The largest real one is a Kinesis call of 10 MiB, in base64.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A request with its complete body.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpRequest {
    /// The text of a header; empty when it is absent or not text.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

/// A complete response.
#[derive(Debug, Clone)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl HttpResponse {
    /// A response with `status` only.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A response with a JSON body.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let json = HeaderValue::from_static("application/x-amz-json-1.1");
        Self {
            body: Bytes::from(body.to_string()),
            ..Self::empty(status).with(CONTENT_TYPE, json)
        }
    }

    /// An error in the format of the JSON services.
    /// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>
    pub(crate) fn error(status: StatusCode, kind: &str, message: &str) -> Self {
        Self::error_with(status, kind, message, serde_json::json!({}))
    }

    /// The same error with more fields.
    pub(crate) fn error_with(
        status: StatusCode,
        kind: &str,
        message: &str,
        mut body: Value,
    ) -> Self {
        body["__type"] = kind.into();
        body["message"] = message.into();
        let kind = HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("Unknown"));
        Self::json(status, &body).with(HeaderName::from_static("x-amzn-errortype"), kind)
    }

    /// The same response with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// The reaction of a handler to a request.
#[derive(Debug)]
pub(crate) enum Reaction {
    /// Sends a response.
    Response(HttpResponse),
    /// Closes the connection: the client never learns the outcome.
    HangUp,
}

impl From<HttpResponse> for Reaction {
    fn from(response: HttpResponse) -> Self {
        Self::Response(response)
    }
}

/// A server. It and its connections stop on drop.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a free loopback port and responds through `handler`.
    pub(crate) async fn start<H, F>(handler: H) -> anyhow::Result<Self>
    where
        H: Fn(HttpRequest) -> F + Send + Sync + 'static,
        F: Future<Output = Reaction> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("no loopback port is free")?;
        let address = listener.local_addr().context("a server has no address")?;
        let task = tokio::spawn(listen(listener, Arc::new(handler)));
        Ok(Self { address, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen<H, F>(listener: TcpListener, handler: Arc<H>)
where
    H: Fn(HttpRequest) -> F + Send + Sync + 'static,
    F: Future<Output = Reaction> + Send + 'static,
{
    // Dropped with this task, which closes every connection.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request| respond(request, Arc::clone(&handler)));
        connections.spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            http.serve_connection(TokioIo::new(stream), service).await
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn respond<H, F>(
    request: Request<Incoming>,
    handler: Arc<H>,
) -> io::Result<Response<Full<Bytes>>>
where
    H: Fn(HttpRequest) -> F,
    F: Future<Output = Reaction>,
{
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    let request = HttpRequest {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body,
    };
    match handler(request).await {
        Reaction::HangUp => Err(io::ErrorKind::ConnectionReset.into()),
        Reaction::Response(sent) => {
            let mut response = Response::new(Full::new(sent.body));
            *response.status_mut() = sent.status;
            *response.headers_mut() = sent.headers;
            Ok(response)
        }
    }
}

/// Sends `request` to `target` and reads the complete response.
pub(crate) async fn send(target: SocketAddr, request: HttpRequest) -> anyhow::Result<HttpResponse> {
    let stream = TcpStream::connect(target).await;
    let stream = stream.with_context(|| format!("nobody answers at {target}"))?;
    let connection = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connection.context("no HTTP connection")?;
    let mut outgoing = Request::new(Full::<Bytes>::new(request.body));
    *outgoing.method_mut() = request.method;
    *outgoing.uri_mut() = request.uri;
    *outgoing.headers_mut() = request.headers;
    let host = HeaderValue::from_str(&target.to_string()).context("an address is a header")?;
    outgoing.headers_mut().entry("host").or_insert(host);
    let exchange = async {
        let response = sender.send_request(outgoing).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        Ok(HttpResponse {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    };
    let carry = async {
        // A connection error also fails the exchange below.
        let ended = connection.await;
        drop(ended);
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        response = exchange => response,
        never = carry => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> HttpRequest {
        HttpRequest {
            method: Method::POST,
            uri: Uri::from_static("/place?a=b"),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[tokio::test]
    async fn request_and_response_arrive_whole() {
        let server = Server::start(|request: HttpRequest| async move {
            let said = format!("{} {}", request.method, request.uri);
            let body = serde_json::json!({"said": said, "bytes": request.body.len()});
            HttpResponse::json(StatusCode::CREATED, &body).into()
        });
        let server = server.await.unwrap();
        let response = send(server.address(), request("abc")).await.unwrap();
        assert_eq!(response.status, StatusCode::CREATED);
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"said": "POST /place?a=b", "bytes": 3})
        );
    }

    #[tokio::test]
    async fn hang_up_is_an_error() {
        let server = Server::start(|_| async { Reaction::HangUp }).await.unwrap();
        assert!(send(server.address(), request("")).await.is_err());
    }

    #[tokio::test]
    async fn dropped_server_does_not_respond() {
        let server = Server::start(|_| async { HttpResponse::empty(StatusCode::OK).into() });
        let server = server.await.unwrap();
        let address = server.address();
        drop(server);
        tokio::task::yield_now().await;
        assert!(send(address, request("")).await.is_err());
    }
}
