//! Opening the state for what a command is about to do with it.

use windlass_state::sqlite::SqliteStore;

use super::{StateAddress, Store};
use crate::exit_code::StateUnusable;

/// What a command is about to do with the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Read it, beside whoever writes it. It must be there.
    Look,
    /// Write into it, beside whoever else does. It must be there.
    Operate,
    /// Put sources into it; a state file that is not there is made.
    Apply,
}

/// Opens the state at `address`. `endpoint_url` is where DynamoDB answers, if not where AWS says.
///
/// # Errors
/// When it is not there, not ours, or cannot be reached.
pub(crate) async fn open(
    address: &StateAddress,
    endpoint_url: Option<&str>,
    purpose: Purpose,
) -> anyhow::Result<Store> {
    match address {
        StateAddress::Sqlite(path) => {
            if purpose != Purpose::Apply && !path.exists() {
                let problem = format!(
                    "there is no state at {} yet; `windlass run` makes it",
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
        StateAddress::DynamoDb(table) => todo!(),
    }
}
