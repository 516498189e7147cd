//! The request to stop, which a worker honors at its next checkpoint.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that every holder of a clone can raise and await. It is never lowered.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Requests a stop at the next checkpoint.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Returns true once a stop is requested.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes once a stop is requested.
    pub async fn requested(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so this ends only when the flag is raised.
        if receiver.wait_for(|raised| *raised).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
