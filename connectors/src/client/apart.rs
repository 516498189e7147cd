//! Reads of large bodies on the runtime's blocking threads: a task that parses tens of megabytes at
//! once would delay every other source of the process.

use std::future;
use std::panic;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use windlass_core::{Timestamp, limits};

use super::Client;
use crate::connector::{Connector, Page, PageRequest, Piece, Rest};
use crate::exchange::{ApiResponse, Failure};

impl<T> Client<T> {
    /// The next records of a page; `rest` becomes `None` with the last of them. `None` when no
    /// records are left.
    pub async fn more(&self, rest: &mut Option<Rest>) -> Option<Piece> {
        let mut left = Some(rest.take()?);
        let connector = Arc::clone(&self.connector);
        let (piece, left) = apart(move || {
            let piece = connector.more(&mut left);
            (piece, left)
        })
        .await;
        *rest = left;
        piece
    }
}

/// [`Connector::read`], on a blocking thread when the body is large.
pub(super) async fn read(
    connector: &Arc<Connector>,
    request: &PageRequest,
    response: ApiResponse,
    now: Timestamp,
) -> Result<Page, Failure> {
    if response.body.len() <= limits::READ_BYTES_INLINE_MAX {
        return connector.read(request, &response, now);
    }
    let (connector, request) = (Arc::clone(connector), request.clone());
    apart(move || connector.read(&request, &response, now)).await
}

/// The result of `work`, which runs on a blocking thread. Panics if `work` does.
async fn apart<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            // The runtime is shutting down, and drops this task too.
            Err(_) => future::pending().await,
        },
    }
}

#[cfg(test)]
#[path = "apart_tests.rs"]
mod tests;
