//! Opening the state for a command's purpose.

use std::sync::Arc;

use aws_config::SdkConfig;
use windlass_core::clock::Clock;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::time::SECOND_MS;
use windlass_state::StateError;
use windlass_state::dynamodb::DynamoStore;
use windlass_state::sqlite::SqliteStore;

use super::{StateAddress, Store, Table};
use crate::aws;
use crate::exit_code::StateUnusable;

/// Timeout of a table's first response. It normally takes milliseconds, and a user waits.
const ANSWER_MS_MAX: i64 = 4 * SECOND_MS;

/// The use of the state by a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Read it, beside any writer. It must exist.
    Look,
    /// Write to it, beside other writers. It must exist.
    Operate,
    /// Write sources into it; a missing state file is created.
    Apply,
}

/// Opens the state at `address`. `endpoint_url` replaces the DynamoDB endpoint of AWS.
///
/// # Errors
/// The state does not exist, is not a state of windlass, or cannot be reached.
pub(crate) async fn open(
    address: &StateAddress,
    endpoint_url: Option<&str>,
    purpose: Purpose,
) -> anyhow::Result<Store> {
    match address {
        StateAddress::Sqlite(path) => {
            if purpose != Purpose::Apply && !path.exists() {
                let problem = format!(
                    "there is no state at {} yet; `windlass run` creates it",
                    path.display()
                );
                return Err(StateUnusable(problem).into());
            }
            let store = match purpose {
                Purpose::Look => SqliteStore::open_read_only(path)?,
                Purpose::Operate | Purpose::Apply => SqliteStore::open(path)?,
            };
            Ok(Store::Sqlite(store))
        }
        StateAddress::DynamoDb(table) => {
            let region = aws::region().await?;
            let sdk = aws::load(Some(region), endpoint_url).await;
            let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
            let store = DynamoStore::from_sdk(&sdk, table.as_str(), clock, entropy);
            check(&store, table, &sdk).await?;
            Ok(Store::DynamoDb(store))
        }
    }
}

/// Sends a test request to the table, so that an obstacle is reported before the command begins.
async fn check(store: &DynamoStore, table: &Table, sdk: &SdkConfig) -> anyhow::Result<()> {
    let checked = tokio::select! {
        checked = store.check() => checked,
        () = SystemClock.alarm(ANSWER_MS_MAX) => {
            let seconds = ANSWER_MS_MAX / SECOND_MS;
            Err(StateError::Unavailable(format!("no response in {seconds} s")))
        }
    };
    let Err(error) = checked else { return Ok(()) };
    if let Some(problem) = aws::why_no_credentials(sdk).await {
        return Err(StateUnusable(problem).into());
    }
    let StateError::Unavailable(problem) = error else {
        return Err(error.into());
    };
    let place = match (sdk.endpoint_url(), sdk.region()) {
        (Some(url), _) => format!("at {url}"),
        (None, Some(region)) => format!("in {region}"),
        (None, None) => String::new(),
    };
    let problem = format!(
        "table {} {place} cannot be reached: {problem}; check the network, AWS_REGION and \
         --endpoint-url",
        table.as_str()
    );
    Err(StateUnusable(problem).into())
}
