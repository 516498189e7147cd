//! Blocking file and pipe calls, kept off the async worker threads.

use crate::SinkError;

/// Runs `work` on the runtime's blocking threads and waits for it. Panics if `work` does.
pub(crate) async fn blocking<T, F>(sink: &str, work: F) -> Result<T, SinkError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(SinkError::Unavailable {
                sink: sink.to_owned(),
                problem: "the program is shutting down".to_owned(),
            }),
        },
    }
}
