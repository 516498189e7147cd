//! Rows: the attributes of an item, each in a column of its own name.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Params, Row, params_from_iter};
use serde_json::Value as Json;

use super::error::failed;
use crate::error::StateError;
use crate::item::{Attributes, Stored, packed};

/// The column type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Number,
    /// A flag, as 0 or 1.
    Flag,
    /// A list or map, as JSON text.
    Json,
    /// Bytes, which the stored form shows as text.
    Bytes,
}

/// A table that holds items of one type.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Number of key columns, which come first.
    pub(super) key: usize,
    /// Attribute and column name, in order.
    pub(super) columns: &'static [(&'static str, Kind)],
    /// The last column, which holds all other attributes as one JSON object; `None` if every
    /// attribute has a column.
    pub(super) rest: Option<&'static str>,
}

impl Table {
    /// The items for which `clause` (the text after `WHERE`) holds.
    pub(super) fn find<T: Stored>(
        &self,
        connection: &Connection,
        clause: &str,
        params: impl Params,
    ) -> Result<Vec<T>, StateError> {
        let sql = format!(
            "SELECT {} FROM {} WHERE {clause}",
            self.column_list(),
            self.name
        );
        let mut statement = connection
            .prepare_cached(&sql)
            .map_err(|error| failed(&error))?;
        let mut rows = statement.query(params).map_err(|error| failed(&error))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(|error| failed(&error))? {
            found.push(self.decode(row)?);
        }
        Ok(found)
    }

    /// Stores `item`, in place of the stored one with its key.
    pub(super) fn put(
        &self,
        connection: &Connection,
        item: &impl Stored,
    ) -> Result<(), StateError> {
        let count = self.columns.len() + usize::from(self.rest.is_some());
        let marks = vec!["?"; count].join(", ");
        let sql = format!(
            "REPLACE INTO {} ({}) VALUES ({marks})",
            self.name,
            self.column_list()
        );
        let values = self.encode(item.to_attributes())?;
        let mut statement = connection
            .prepare_cached(&sql)
            .map_err(|error| failed(&error))?;
        statement
            .execute(params_from_iter(values))
            .map_err(|error| failed(&error))?;
        Ok(())
    }

    fn column_list(&self) -> String {
        // Quoted, because some attributes have the names of keywords.
        let names = self.columns.iter().map(|(name, _)| *name);
        let quoted: Vec<_> = names
            .chain(self.rest)
            .map(|name| format!("\"{name}\""))
            .collect();
        quoted.join(", ")
    }

    fn encode(&self, mut attributes: Attributes) -> Result<Vec<Value>, StateError> {
        let column = |&(name, kind): &(&str, Kind)| {
            let Some(attribute) = attributes.remove(name) else {
                return Ok(Value::Null);
            };
            let value = match (kind, &attribute) {
                (Kind::Text, Json::String(text)) => Some(Value::Text(text.clone())),
                (Kind::Json, list_or_map) => Some(Value::Text(list_or_map.to_string())),
                (Kind::Flag, Json::Bool(flag)) => Some(Value::Integer(i64::from(*flag))),
                (Kind::Bytes, Json::String(text)) => packed::to_bytes(text).map(Value::Blob),
                (Kind::Number, Json::Number(number)) => number.as_i64().map(Value::Integer),
                _ => None,
            };
            value.ok_or_else(|| {
                let table = self.name;
                StateError::Refused(format!("`{name}` of {table} cannot hold {attribute}"))
            })
        };
        let values: Result<Vec<_>, _> = self.columns.iter().map(column).collect();
        let mut values = values?;
        if self.rest.is_some() {
            values.push(Value::Text(Json::Object(attributes).to_string()));
        }
        Ok(values)
    }

    fn decode<T: Stored>(&self, row: &Row<'_>) -> Result<T, StateError> {
        let mut attributes = self.decode_rest(row)?;
        for (index, (name, kind)) in self.columns.iter().enumerate() {
            let stored = row.get_ref(index).map_err(|error| failed(&error))?;
            let value = match (kind, stored) {
                (_, ValueRef::Null) => continue,
                (Kind::Text, ValueRef::Text(text)) => str::from_utf8(text).ok().map(Json::from),
                (Kind::Json, ValueRef::Text(text)) => serde_json::from_slice(text).ok(),
                (Kind::Flag, ValueRef::Integer(flag @ (0 | 1))) => Some(Json::from(flag == 1)),
                (Kind::Bytes, ValueRef::Blob(bytes)) => Some(packed::to_text(bytes).into()),
                (Kind::Number, ValueRef::Integer(number)) => Some(Json::from(number)),
                _ => None,
            };
            let value = value.ok_or_else(|| StateError::Corrupt {
                key: self.key_of(row),
                problem: format!("column `{name}` does not hold {kind:?}"),
            })?;
            attributes.insert((*name).to_owned(), value);
        }
        T::from_attributes(&self.key_of(row), attributes)
    }

    /// The attributes that have no column of their own.
    fn decode_rest(&self, row: &Row<'_>) -> Result<Attributes, StateError> {
        let Some(name) = self.rest else {
            return Ok(Attributes::new());
        };
        let stored = row
            .get_ref(self.columns.len())
            .map_err(|error| failed(&error))?;
        let rest = match stored {
            ValueRef::Text(text) => serde_json::from_slice(text).ok(),
            _ => None,
        };
        rest.ok_or_else(|| StateError::Corrupt {
            key: self.key_of(row),
            problem: format!("column `{name}` does not hold a JSON object"),
        })
    }

    /// The table and the key columns, in the form in which operators look the row up.
    fn key_of(&self, row: &Row<'_>) -> String {
        let parts: Vec<_> = (0..self.key)
            .map(|index| match row.get_ref(index) {
                Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
                _ => "?".to_owned(),
            })
            .collect();
        format!("{} {}", self.name, parts.join("/"))
    }
}
