//! A transport for tests: responds by calling a function, records every request, opens no socket.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use crate::exchange::{ApiRequest, ApiResponse};
use crate::http::{Transport, TransportError};

type Script = dyn Fn(&ApiRequest) -> Result<ApiResponse, TransportError> + Send + Sync;

/// Responds to each request by calling a function. Clones share the function and the recorded
/// requests.
#[derive(Clone)]
pub struct ScriptedTransport {
    script: Arc<Script>,
    requests: Arc<Mutex<Vec<ApiRequest>>>,
}

impl ScriptedTransport {
    /// A transport that responds with the result of `script`.
    pub fn new(
        script: impl Fn(&ApiRequest) -> Result<ApiResponse, TransportError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            script: Arc::new(script),
            requests: Arc::default(),
        }
    }

    /// Every request so far, oldest first, credentials included.
    pub fn requests(&self) -> Vec<ApiRequest> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl std::fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedTransport").finish_non_exhaustive()
    }
}

impl Transport for ScriptedTransport {
    fn send(
        &self,
        request: &ApiRequest,
    ) -> impl Future<Output = Result<ApiResponse, TransportError>> + Send {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request.clone());
        let response = (self.script)(request);
        async move {
            // A real exchange lets other tasks run before its response arrives. Without the same
            // here, tests of concurrent callers would run them one after another.
            tokio::task::yield_now().await;
            response
        }
    }
}
