//! The clock of the service that holds the table, as shown by its last response.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use windlass_core::clock::Clock;
use windlass_core::time::Timestamp;
use windlass_core::trust::ClockOffset;

/// Interceptor that reads `Date` of each response.
#[derive(Debug, Clone)]
pub(super) struct ServiceClock {
    clock: Arc<dyn Clock>,
    last: Arc<Mutex<Option<ClockOffset>>>,
}

impl ServiceClock {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            last: Arc::default(),
        }
    }

    /// The offset of the service's clock from the machine clock; `None` before the first response.
    pub(super) fn last(&self) -> Option<ClockOffset> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for ServiceClock {
    fn name(&self) -> &'static str {
        "ServiceClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        if let Some(ms) = date.and_then(|date| date.to_millis().ok()) {
            let now = self.clock.now();
            let seen = ClockOffset::of(Some(Timestamp::from_ms(ms)), now, now);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
        Ok(())
    }
}
