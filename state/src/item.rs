//! The stored form of all items, and their keys.
//!
//! An item is flat: attribute names and JSON values, readable in a console or a database shell.
//! Times are RFC 3339 in UTC with milliseconds, so they sort as text. An attribute without a value
//! is omitted, and an unknown one is ignored, so that a newer windlass may add some. One attribute
//! is packed, [`DIGESTS`]: here it is text, and stores hold its bytes. An invalid item is
//! [`StateError::Corrupt`], never a panic and never a guess.

mod key;
pub(crate) mod packed;
mod progress;
mod rate;
mod seen;
mod source;
mod window;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use windlass_core::invariant::Consistent;

use crate::error::StateError;

pub use key::Key;
pub use rate::RateItem;
pub use seen::{DIGESTS, SeenPiece, pieces};

/// Version of the stored form, in the attribute `v` of every item.
pub const ITEM_VERSION: i64 = 1;

/// The attributes of one item, by name.
pub type Attributes = serde_json::Map<String, Value>;

/// A value that has a stored form.
pub trait Stored: Sized {
    /// The attributes of the value, `v` included.
    fn to_attributes(&self) -> Attributes;

    /// The value that `attributes` hold; `key` names the item in errors.
    ///
    /// # Errors
    /// - [`StateError::Version`] if a newer windlass wrote it.
    /// - [`StateError::Corrupt`] if an attribute is missing, has another type, or contradicts
    ///   another one.
    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError>;
}

/// The attributes of `form`, with the version and without empty ones.
fn write(form: &impl Serialize) -> Attributes {
    let mut attributes = match serde_json::to_value(form) {
        Ok(Value::Object(attributes)) => attributes,
        other => unreachable!("a stored form is a struct of text, numbers and lists: {other:?}"),
    };
    attributes.retain(|_, value| !value.is_null());
    attributes.insert("v".to_owned(), ITEM_VERSION.into());
    attributes
}

/// Returns whether `value` is the default of its attribute, which is then omitted so that items
/// stay small.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads the value in `attributes`: checks the version, the form, and the consistency of its parts.
fn read<Form: DeserializeOwned, T: Consistent>(
    key: &str,
    attributes: Attributes,
    build: impl FnOnce(Form) -> Result<T, String>,
) -> Result<T, StateError> {
    let corrupt = |problem: String| StateError::Corrupt {
        key: key.to_owned(),
        problem,
    };
    match attributes.get("v").and_then(Value::as_i64) {
        Some(ITEM_VERSION) => {}
        Some(found) => {
            return Err(StateError::Version {
                found,
                supported: ITEM_VERSION,
            });
        }
        None => return Err(corrupt("it has no version `v`".to_owned())),
    }
    let form = serde_json::from_value(Value::Object(attributes));
    form.map_err(|error| error.to_string())
        .and_then(build)
        .and_then(|value: T| match value.check() {
            Ok(()) => Ok(value),
            Err(violation) => Err(violation.to_string()),
        })
        .map_err(corrupt)
}

#[cfg(test)]
#[path = "item/corrupt_tests.rs"]
mod corrupt_tests;
#[cfg(test)]
#[path = "item_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "item/window_tests.rs"]
pub(crate) mod window_tests;
