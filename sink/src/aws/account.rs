//! The credentials and the region of a destination, and the timeouts of its calls.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_firehose::config::SharedCredentialsProvider;

use crate::stream_config::StreamConfig;

/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The session name in the other account's logs.
const SESSION_NAME: &str = "windlass";

/// The configuration for all clients of `stream`: its region, its role, and no retries by the SDK.
/// Makes no call.
pub(super) async fn of(stream: &StreamConfig, sdk: &SdkConfig) -> Result<SdkConfig, String> {
    let own_region = || sdk.region().cloned();
    let region = stream.region.clone().map(Region::new).or_else(own_region);
    let region = region.ok_or("no AWS region; set `region` of the sink, or AWS_REGION")?;
    let own = sdk.credentials_provider().ok_or("no AWS credentials")?;
    let credentials = match &stream.role_arn {
        None => own,
        Some(role) => assumed(role, stream.external_id.as_deref(), sdk, &region).await?,
    };
    // The timeout of a call follows its size, which the SDK does not know.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
        .build();
    let account = sdk.to_builder();
    let account = account.region(region).credentials_provider(credentials);
    let account = account.retry_config(RetryConfig::disabled());
    Ok(account.timeout_config(timeouts).build())
}

/// Credentials of `role`, requested on first use and renewed before they expire.
async fn assumed(
    role: &str,
    external_id: Option<&str>,
    sdk: &SdkConfig,
    region: &Region,
) -> Result<SharedCredentialsProvider, String> {
    if sdk.time_source().is_none() {
        return Err("assuming a role needs the time; load the SDK's configuration".to_owned());
    }
    let mut assume = AssumeRoleProvider::builder(role).configure(sdk);
    if sdk.region().is_none() {
        assume = assume.region(region.clone());
    }
    if let Some(id) = external_id {
        assume = assume.external_id(id);
    }
    let provider = assume.session_name(SESSION_NAME).build().await;
    Ok(SharedCredentialsProvider::new(provider))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{FakeAws, REGION, stream};
    use super::*;

    #[tokio::test]
    async fn sdk_adds_no_call_timeout_or_retry() {
        let own = FakeAws::start().sdk().into_builder();
        let own = own.retry_config(RetryConfig::standard().with_max_attempts(9));
        let account = of(&stream(), &own.build()).await.unwrap();
        assert_eq!(account.retry_config().unwrap().max_attempts(), 1);
        let timeouts = account.timeout_config().unwrap();
        assert_eq!(timeouts.operation_timeout(), None);
        assert_eq!(timeouts.operation_attempt_timeout(), None);
        assert_eq!(timeouts.connect_timeout(), Some(CONNECT_TIMEOUT));
    }

    #[tokio::test]
    async fn default_region_is_the_programs_own() {
        let own = FakeAws::start().sdk();
        let elsewhere = StreamConfig {
            region: Some("us-east-1".to_owned()),
            ..stream()
        };
        for (stream, expected) in [(stream(), REGION), (elsewhere, "us-east-1")] {
            let account = of(&stream, &own).await.unwrap();
            assert_eq!(account.region().unwrap().as_ref(), expected);
        }
    }
}
