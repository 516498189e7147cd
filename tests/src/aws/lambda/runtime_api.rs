//! The runtime API of a bootstrap: `next`, `response`, `error`, `init/error`.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use tokio::sync::{mpsc, oneshot, watch};

use super::environment::ARN_PREFIX;
use crate::aws::http::{HttpRequest, HttpResponse, Reaction, Server};

/// One invocation for a bootstrap.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) function: String,
    pub(super) request_id: String,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
    /// Its deadline, in milliseconds since 1970.
    pub(super) deadline_ms: i64,
    /// True if its response is dropped: the connection is closed, and the response recorded
    /// nowhere.
    pub(super) without_response: bool,
    pub(super) ended: oneshot::Sender<InvocationEnd>,
}

/// The bootstrap's final message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InvocationEnd {
    Response(Bytes),
    Error(Bytes),
}

/// The runtime API of one environment.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    server: Server,
    shared: Arc<Shared>,
    work: mpsc::Sender<Assignment>,
}

#[derive(Debug)]
struct Shared {
    work: tokio::sync::Mutex<mpsc::Receiver<Assignment>>,
    current: Mutex<Option<Assignment>>,
    /// `Ok` once `next` was requested; `Err` with the reason if it never will be.
    started: watch::Sender<Option<Result<(), String>>>,
}

impl RuntimeApi {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (sender, receiver) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            work: tokio::sync::Mutex::new(receiver),
            current: Mutex::default(),
            started: watch::Sender::new(None),
        });
        let server = Server::start({
            let shared = Arc::clone(&shared);
            move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.respond(request).await }
            }
        });
        Ok(Self {
            server: server.await?,
            shared,
            work: sender,
        })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn authority(&self) -> String {
        self.server.address().to_string()
    }

    /// Completes when the bootstrap first requests work, or reports that it cannot start.
    pub(super) async fn started(&self) -> Result<(), String> {
        let mut started = self.shared.started.subscribe();
        match started.wait_for(Option::is_some).await {
            Ok(ended_with) => ended_with.clone().unwrap_or(Ok(())),
            Err(_) => Err("the runtime API is gone".to_owned()),
        }
    }

    /// Passes the next invocation to the bootstrap.
    pub(super) async fn assign(&self, assignment: Assignment) {
        // The receiver lives as long as `self`.
        let sent = self.work.send(assignment).await;
        debug_assert!(sent.is_ok());
    }
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Option<Assignment>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn respond(&self, request: HttpRequest) -> Reaction {
        let path = request.uri.path();
        let place = path.strip_prefix("/2018-06-01/runtime/").unwrap_or("");
        match (
            &request.method,
            place.split('/').collect::<Vec<_>>().as_slice(),
        ) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => {
                self.end(id, InvocationEnd::Response(request.body.clone()))
            }
            (&Method::POST, ["invocation", id, "error"]) => {
                self.end(id, InvocationEnd::Error(request.body.clone()))
            }
            (&Method::POST, ["init", "error"]) => {
                let ended_with = String::from_utf8_lossy(&request.body).into_owned();
                self.started.send_replace(Some(Err(ended_with)));
                HttpResponse::empty(StatusCode::ACCEPTED).into()
            }
            _ => HttpResponse::empty(StatusCode::NOT_FOUND).into(),
        }
    }

    async fn next(&self) -> Reaction {
        self.started.send_if_modified(|started| {
            let first = started.is_none();
            started.get_or_insert(Ok(()));
            first
        });
        let Some(assignment) = self.work.lock().await.recv().await else {
            return Reaction::HangUp;
        };
        let response = HttpResponse {
            body: assignment.payload.clone(),
            ..HttpResponse::empty(StatusCode::OK)
        };
        let headers = [
            (
                "lambda-runtime-aws-request-id",
                assignment.request_id.clone(),
            ),
            (
                "lambda-runtime-deadline-ms",
                assignment.deadline_ms.to_string(),
            ),
            (
                "lambda-runtime-invoked-function-arn",
                format!("{ARN_PREFIX}{}", assignment.function),
            ),
            ("lambda-runtime-trace-id", assignment.trace_id.clone()),
        ];
        let response = headers
            .into_iter()
            .fold(response, |response, (name, value)| {
                let value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""));
                response.with(HeaderName::from_static(name), value)
            });
        *self.current() = Some(assignment);
        response.into()
    }

    fn end(&self, request_id: &str, ended_with: InvocationEnd) -> Reaction {
        let mut current = self.current();
        if current
            .as_ref()
            .is_none_or(|current| current.request_id != request_id)
        {
            return HttpResponse::error(StatusCode::BAD_REQUEST, "InvalidRequestID", request_id)
                .into();
        }
        let Some(assignment) = current.take() else {
            return Reaction::HangUp;
        };
        if assignment.without_response {
            return Reaction::HangUp;
        }
        // The receiver is gone if the invocation was abandoned meanwhile.
        let received = assignment.ended.send(ended_with);
        drop(received);
        HttpResponse::empty(StatusCode::ACCEPTED).into()
    }
}
