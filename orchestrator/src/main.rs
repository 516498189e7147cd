//! The orchestrator's Lambda function: one tick an invocation.

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use windlass_orchestrator::lambda::{Invocation, Orchestrator, Settings, start_logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // Whatever is wrong here is wrong for every invocation: the function fails to start, and says why.
    let settings = Settings::from_env()?;
    start_logging(&settings)?;
    let sdk = aws_config::load_from_env().await;
    let orchestrator = Orchestrator::new(&settings, &sdk);
    let handler = service_fn(|event: LambdaEvent<Invocation>| async {
        let summary = orchestrator.tick(event.payload).await;
        summary.map_err(|error| {
            tracing::error!(%error, "tick failed");
            Diagnostic {
                error_type: "TickFailed".to_owned(),
                error_message: error.to_string(),
            }
        })
    });
    lambda_runtime::run(handler)
        .await
        .map_err(anyhow::Error::from_boxed)
}
