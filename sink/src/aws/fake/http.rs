//! The sockets of the fake services.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::message::{Arrived, Reaction};
use super::service::service_reaction;
use super::{State, To};

/// Serves on a free port of the loopback interface.
pub(super) fn serve(state: Arc<Mutex<State>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let server = tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                return;
            };
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                let service = service_fn(|request| respond(&state, request));
                let served = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
                // An error here is a connection that a test closed.
                drop(served);
            });
        }
    });
    (address, server)
}

async fn respond(
    state: &Mutex<State>,
    request: HttpRequest<Incoming>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let arrived = arrive(request).await?;
    let reaction = service_reaction(&mut state.lock().unwrap(), &arrived);
    match reaction {
        Reaction::Response(status, body) => {
            let response = Response::builder().status(status);
            Ok(response.body(Full::from(body)).unwrap())
        }
        Reaction::Hangup => Err(std::io::ErrorKind::ConnectionAborted.into()),
        Reaction::Silence => std::future::pending().await,
    }
}

async fn arrive(request: HttpRequest<Incoming>) -> Result<Arrived, std::io::Error> {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        let value = head.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let to = match header("x-amz-target").split_once('.') {
        Some((_, "PutRecordBatch")) => To::Firehose,
        Some((_, "PutRecords")) => To::Kinesis,
        _ if head.method == Method::PUT => To::S3,
        _ => To::Sts,
    };
    // Credential=KEY/DAY/REGION/SERVICE/aws4_request
    let authorization = header(AUTHORIZATION.as_str());
    let scope = authorization
        .split("Credential=")
        .nth(1)
        .unwrap_or_default();
    let mut scope = scope.split('/');
    let signed_by = scope.next().unwrap_or_default().to_owned();
    let region = scope.nth(1).unwrap_or_default().to_owned();
    let body = body.collect().await.map_err(std::io::Error::other)?;
    Ok(Arrived {
        to,
        signed_by,
        invocation: header("amz-sdk-invocation-id"),
        region,
        path: head.uri.path().to_owned(),
        body: body.to_bytes(),
    })
}
