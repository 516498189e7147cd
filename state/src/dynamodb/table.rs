//! The table behind its client, and the retries of requests.
//!
//! The SDK's own retries are off. It would repeat a write whose outcome is unknown, and the lost
//! condition of the repetition would look like another caller's move. This module sends a request
//! again only if it was certainly not applied. After a write without a response, the caller repeats
//! it and decides by the returned item.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::SdkError;
use windlass_core::clock::{Clock, Entropy};
use windlass_core::retry::full_jitter;
use windlass_core::trust::ClockOffset;

use super::errors::{Call, Failed, Fault, Verdict, judge};
use super::served::ServiceClock;
use crate::error::StateError;

/// Time to connect. Within a region that takes a few milliseconds.
const CONNECT_TIMEOUT_MS: u64 = 1_000;
/// Longest time for one whole request. The service responds within tens of milliseconds.
const REQUEST_TIMEOUT_MS: u64 = 3_000;
/// Attempts at a throttled request: with the delays below at most 2.6 s in all, half of that on
/// average. A partition is split or a burst ends within that time, or not for minutes.
const THROTTLED_TRIES_MAX: u32 = 7;
/// Attempts at a read without a response.
const READ_TRIES_MAX: u32 = 3;
/// Longest first delay between attempts.
const DELAY_MIN_MS: i64 = 50;
/// Longest delay between attempts.
const DELAY_MAX_MS: i64 = 1_000;

/// One table, with its client and the clock and randomness for its waits.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    region: String,
    clock: Arc<dyn Clock>,
    service_clock: ServiceClock,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, region, .. } = self;
        f.debug_struct("Table")
            .field("name", name)
            .field("region", region)
            .finish_non_exhaustive()
    }
}

/// `builder` without retries, and with limits on the time of a request.
fn configure(builder: Builder) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .operation_attempt_timeout(Duration::from_millis(REQUEST_TIMEOUT_MS))
        .build();
    builder
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
}

impl Table {
    pub(super) fn new(
        config: Builder,
        name: String,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let service_clock = ServiceClock::new(Arc::clone(&clock));
        let config = configure(config).interceptor(service_clock.clone());
        let client = Client::from_conf(config.build());
        let region = client.config().region();
        let region = region.map_or_else(String::new, ToString::to_string);
        Self {
            client,
            name,
            region,
            clock,
            service_clock,
            entropy,
        }
    }

    /// The offset of the service's clock from the machine clock; `None` before the first response.
    pub(super) fn service_clock(&self) -> Option<ClockOffset> {
        self.service_clock.last()
    }

    /// The description of a read of `item`, for messages.
    pub(super) fn reading<'a>(&'a self, action: &'static str, item: &'a str) -> Call<'a> {
        Call {
            action,
            writes: false,
            item,
            table: &self.name,
            region: &self.region,
        }
    }

    /// The description of a write of `item`, for messages.
    pub(super) fn writing<'a>(&'a self, action: &'static str, item: &'a str) -> Call<'a> {
        Call {
            writes: true,
            ..self.reading(action, item)
        }
    }

    /// Sends the request that `request` builds, again while it is throttled. A read is also sent
    /// again while it gets no response.
    ///
    /// # Errors
    /// - [`StateError::Unavailable`] if it was not applied after the last attempt.
    /// - [`StateError::Unknown`] if a write got no response.
    /// - [`StateError::Refused`] if no attempt can succeed.
    pub(super) async fn send<T, E, F>(
        &self,
        call: Call<'_>,
        request: impl Fn() -> F,
    ) -> Result<T, Failed>
    where
        E: Fault,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        let mut tries = 1;
        loop {
            // Boxed: an SDK call is kilobytes of future, which every caller's future would hold.
            let verdict = match Box::pin(request()).await {
                Ok(response) => return Ok(response),
                Err(error) => judge(&error, call),
            };
            match verdict {
                Verdict::Throttled(_) if tries < THROTTLED_TRIES_MAX => {}
                Verdict::Throttled(text) => {
                    return Err(StateError::Unavailable(format!(
                        "DynamoDB throttled the request: {text}"
                    ))
                    .into());
                }
                Verdict::Unwell(text) if call.writes => {
                    return Err(StateError::Unknown(about(call, &text)).into());
                }
                Verdict::Unwell(_) if tries < READ_TRIES_MAX => {}
                Verdict::Unwell(text) => {
                    return Err(StateError::Unavailable(about(call, &text)).into());
                }
                Verdict::Condition(item) => return Err(Failed::Condition(item)),
                Verdict::Final(error) => return Err(error.into()),
            }
            self.pause(tries).await;
            tries += 1;
        }
    }

    /// Waits after the attempt of this number, from 1.
    pub(super) async fn pause(&self, tries: u32) {
        let delay = DELAY_MIN_MS << tries.saturating_sub(1).min(16);
        let delay = full_jitter(delay.min(DELAY_MAX_MS), self.entropy.next_u64());
        self.clock.sleep(delay).await;
    }
}

fn about(call: Call<'_>, text: &str) -> String {
    let Call { action, item, .. } = call;
    format!("{action} of {item}: {text}")
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
