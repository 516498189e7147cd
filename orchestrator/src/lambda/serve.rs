//! The program: what Lambda starts.

use std::process::ExitCode;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};

use super::{Invocation, Orchestrator, Settings, start_logging};

/// Serves invocations until Lambda ends the process.
///
/// # Panics
/// When the machine gives the process no runtime.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> ExitCode {
    start_logging();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        // Wrong for every invocation: the function fails to start, and says why.
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the function cannot start");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let settings = Settings::from_env()?;
    let sdk = aws_config::load_from_env().await;
    let orchestrator = &Orchestrator::new(&settings, &sdk);
    let handler = service_fn(move |event: LambdaEvent<Invocation>| async move {
        let summary = orchestrator.tick(event.payload).await;
        summary.map_err(|error| {
            tracing::error!(%error, "tick failed");
            Diagnostic {
                error_type: "TickFailed".to_owned(),
                error_message: error.to_string(),
            }
        })
    });
    // Boxed: what it waits for is one large future.
    Box::pin(lambda_runtime::run(handler))
        .await
        .map_err(anyhow::Error::from_boxed)
}
