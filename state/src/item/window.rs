//! The stored form of a window: core's form, without default values that a reader supplies.

use serde_json::Value;
use windlass_core::window::{Presence, Window, WindowForm};

use super::{Attributes, Stored, read, write};
use crate::error::StateError;

impl Stored for Window {
    fn to_attributes(&self) -> Attributes {
        let mut attributes = write(&WindowForm::from(self.clone()));
        for attribute in WindowForm::ATTRIBUTES {
            let is_sparse = attribute.presence == Presence::Sparse;
            if is_sparse && attributes.get(attribute.name).is_some_and(is_supplied) {
                attributes.remove(attribute.name);
            }
        }
        attributes
    }

    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError> {
        let build = |form: WindowForm| Self::try_from(form).map_err(|error| error.to_string());
        read(key, attributes, build)
    }
}

/// Returns whether `value` is the one that a reader supplies for a missing attribute.
fn is_supplied(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text == "nothing",
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
