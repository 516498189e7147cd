//! The arrays of a response, for the message about a path that matches none.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Maximum depth of the search: vendors place their records within three objects.
const DEPTH_MAX: usize = 4;
/// Maximum number of arrays in a message.
const SHOWN_MAX: usize = 5;
/// Maximum length of a key in a message.
const KEY_BYTES_MAX: usize = 40;

/// The paths of the outermost arrays of `json`, as a manifest writes them; at most [`SHOWN_MAX`].
/// Omits keys that look like data instead of names.
pub(crate) fn arrays(json: &str) -> Vec<String> {
    let mut found = Vec::new();
    let search = Search {
        path: "",
        depth: 0,
        found: &mut found,
    };
    // The caller has read the document, so the result adds nothing.
    drop(serde_json::Deserializer::from_str(json).deserialize_any(search));
    found
}

struct Search<'s> {
    path: &'s str,
    depth: usize,
    found: &'s mut Vec<String>,
}

fn is_name(key: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=KEY_BYTES_MAX).contains(&key.len())
        && key.bytes().all(is_plain)
        && key.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if self.depth == DEPTH_MAX || !is_name(&key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let path = match self.path {
                "" => key.into_owned(),
                above => format!("{above}.{key}"),
            };
            map.next_value_seed(Search {
                path: &path,
                depth: self.depth + 1,
                found: &mut *self.found,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.found.len() < SHOWN_MAX {
            let path = if self.path.is_empty() { "." } else { self.path };
            self.found.push(path.to_owned());
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::arrays;

    #[test]
    fn outermost_arrays_are_named_by_path() {
        let json =
            r#"{"meta":{"total":2,"next":null},"data":{"items":[{"tags":["a"]}]},"included":[]}"#;
        assert_eq!(arrays(json), ["data.items", "included"]);
        assert_eq!(arrays("[[1], true]"), ["."]);
        for none in ["{}", "1", "null", "\"text\"", "{\"a\": {\"b\": 1.5}}"] {
            assert_eq!(arrays(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn deep_arrays_and_keys_with_data_are_omitted() {
        for json in [
            r#"{"a":{"b":{"c":{"d":{"e":[]}}}}}"#,
            r#"{"someone@example.com":[],"00123":[],"":[]}"#,
        ] {
            assert_eq!(arrays(json), [""; 0], "{json}");
        }
        let many: Vec<_> = (0..9).map(|at| format!("\"k{at}\":[]")).collect();
        assert_eq!(arrays(&format!("{{{}}}", many.join(","))).len(), 5);
    }
}
