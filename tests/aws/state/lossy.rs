//! A connection that loses responses to applied writes.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use windlass_state::DynamoStore;
use windlass_tests::aws::emulator::Emulator;

use super::resolving::Resolving;
use super::scene::{config, fresh, store_in};

/// Loses responses to applied writes of windows, marks and seen pages: the first, and then each
/// `every`th one. Responses to failed writes arrive: their outcome is known.
#[derive(Debug)]
struct LosesResponses {
    every: u64,
    applied: AtomicU64,
}

/// Marks a request whose response may be lost.
#[derive(Debug)]
struct Meant;

impl Storable for Meant {
    type Storer = StoreReplace<Self>;
}

impl Intercept for LosesResponses {
    fn name(&self) -> &'static str {
        "LosesResponses"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        request: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request().headers();
        let target = headers.get("x-amz-target").unwrap_or_default();
        let body = context.request().body().bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(body);
        let writes = [".PutItem", ".UpdateItem", ".TransactWriteItems"];
        let writes = writes.iter().any(|name| target.ends_with(name));
        let meant = ["window#", "progress#", "seen#"];
        if writes && meant.iter().any(|key| body.contains(key)) {
            request.interceptor_state().store_put(Meant);
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        request: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let applied = request.load::<Meant>().is_some() && context.response().status().is_success();
        if applied {
            let number = self.applied.fetch_add(1, Ordering::Relaxed);
            if number.is_multiple_of(self.every) {
                return Err("the reply was lost by a test".into());
            }
        }
        Ok(())
    }
}

async fn losing(every: u64, table: &str) -> DynamoStore {
    let emulator = Emulator::shared().await.expect("the emulator starts");
    let applied = AtomicU64::new(0);
    let config = config(&emulator.uri()).interceptor(LosesResponses { every, applied });
    store_in(table, config)
}

/// A store in a new table, and one in the same table that never receives a response to its writes.
pub(crate) async fn sure_and_deaf() -> (DynamoStore, DynamoStore) {
    let (sure, table) = fresh().await;
    (sure, losing(1, &table).await)
}

/// A store in a new table that loses every other response, for a caller that repeats writes with
/// unknown outcome.
pub(crate) async fn lossy() -> (Resolving<DynamoStore>, ()) {
    let (_, table) = fresh().await;
    (Resolving(losing(2, &table).await), ())
}
