//! Asynchronous invocation of the worker function: the one file that knows Lambda's API.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use windlass_core::task::Task;

use crate::dispatch::{Dispatch, DispatchError};

/// Largest payload that counts as one request (AWS Lambda pricing: 256 KB, then 64 KB steps).
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Tries of one invocation. A retry after a lost response can deliver it twice: only one of two
/// workers can claim the window.
const TRIES_MAX: u32 = 3;
/// Timeout of one try.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);

/// Invokes the worker function with `InvocationType=Event`.
#[derive(Debug, Clone)]
pub struct LambdaDispatch {
    client: Client,
    function: String,
}

impl LambdaDispatch {
    /// A dispatcher to `function`: its name or ARN, with an alias.
    pub fn new(sdk: &SdkConfig, function: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(TRY_TIMEOUT)
            .build();
        let config = aws_sdk_lambda::config::Builder::from(sdk)
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
            .timeout_config(timeouts)
            .build();
        Self {
            client: Client::from_conf(config),
            function,
        }
    }
}

impl Dispatch for LambdaDispatch {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), DispatchError> {
        let payload =
            serde_json::to_vec(&tasks).map_err(|error| DispatchError(error.to_string()))?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            let problem = format!(
                "the payload has {} bytes, and the limit is {PAYLOAD_BYTES_MAX}",
                payload.len()
            );
            return Err(DispatchError(problem));
        }
        let invoked = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload))
            .send()
            .await;
        invoked
            .map(|_| ())
            .map_err(|error| DispatchError(describe(&error, &self.function)))
    }
}

/// The failure, the function, and Lambda's message.
fn describe<E>(error: &SdkError<E>, function: &str) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let said = |code: &str| {
        let message = error.message().unwrap_or("no message");
        format!("lambda:InvokeFunction on {function} returned {code}: {message}")
    };
    match error.code() {
        Some(code) => said(code),
        None => format!(
            "lambda:InvokeFunction on {function} failed: {}",
            DisplayErrorContext(error)
        ),
    }
}
