//! Calls to AWS services of which windlass uses a single operation.
//!
//! The SDK crates of these services compile hundreds of operations, longer than the rest of windlass
//! together. Signing, credentials, retries, timeouts and error types are the SDK's own: this room adds
//! a request, a host name and the reading of a response to its runtime.

mod bucket;
mod endpoint;
mod operation;
mod parameter_store;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

pub use aws_types::SdkConfig;
pub use bucket::Bucket;
pub use operation::ServiceError;
pub use parameter_store::ParameterStore;

/// The error of a call: an error of the service, or of the way to it.
pub type CallError = SdkError<ServiceError, HttpResponse>;
