//! The shell of a Lambda function: reads settings from the environment, starts the log, loads the
//! AWS configuration once, serves invocations, and writes metrics. A function defines its clients
//! and its invocation ([`Function`]); no other room depends on Lambda's runtime.

mod environment;
mod log;
mod metrics;
#[cfg(feature = "test-util")]
pub mod testing;

use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;

use aws_config::SdkConfig;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::environment::{Environment, SettingsError};
pub use self::log::json_lines;
pub use self::metrics::MetricLog;

/// The reason why a function cannot start.
pub type StartError = Box<dyn Error + Send + Sync>;

/// One of the functions.
pub trait Function: Sized {
    /// The payload of an invocation.
    type Event: DeserializeOwned + 'static;
    /// The response to an invocation.
    type Summary: Serialize + 'static;
    /// The error of a failed invocation.
    type Error: Display;
    /// The type of that error in Lambda's response.
    const ERROR_TYPE: &'static str;

    /// Creates the function with its clients, once for the life of the process. Sends nothing yet.
    ///
    /// # Errors
    /// Fails if `environment` lacks a setting, or a client cannot be created. The process then
    /// ends.
    fn new(environment: &Environment, sdk: SdkConfig) -> Result<Self, StartError>;

    /// Serves one invocation until `deadline_ms`, in milliseconds since 1970, when Lambda ends the
    /// process.
    fn invoke(
        &self,
        event: Self::Event,
        deadline_ms: u64,
    ) -> impl Future<Output = Result<Self::Summary, Self::Error>>;
}

/// The program of the function `F`: logs its version, then serves invocations until Lambda ends the
/// process.
pub fn main<F: Function>(version: &str) -> ExitCode {
    log::start();
    tracing::info!(version, "the function starts");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime
        .map_err(StartError::from)
        .and_then(|runtime| runtime.block_on(serve::<F>()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        // The error affects every invocation: the function fails to start, and logs the reason.
        Err(error) => {
            tracing::error!(error = &*error, "the function cannot start");
            ExitCode::FAILURE
        }
    }
}

async fn serve<F: Function>() -> Result<(), StartError> {
    let environment = Environment::of_process();
    let sdk = aws_config::load_from_env().await;
    let function = &F::new(&environment, sdk)?;
    let handler = service_fn(move |event: LambdaEvent<F::Event>| async move {
        let LambdaEvent { payload, context } = event;
        let summary = function.invoke(payload, context.deadline).await;
        summary.map_err(|error| {
            tracing::error!(%error, "invocation failed");
            Diagnostic {
                error_type: F::ERROR_TYPE.to_owned(),
                error_message: error.to_string(),
            }
        })
    });
    // Boxed: its future is large.
    Box::pin(lambda_runtime::run(handler)).await
}
