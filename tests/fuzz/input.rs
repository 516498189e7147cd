//! One input: named pieces of bytes, so that status, header and body stay distinct when they are
//! printed.

use std::fmt;

/// Most bytes of one field that are printed; the seed reproduces the rest.
const SHOWN_BYTES_MAX: usize = 2_048;

/// The input of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input(Vec<(&'static str, Vec<u8>)>);

impl Input {
    /// The input with `fields`, by name.
    pub(crate) fn new<const N: usize>(fields: [(&'static str, Vec<u8>); N]) -> Self {
        Self(fields.into())
    }

    /// The bytes of `field`; empty if the input has no such field.
    pub(crate) fn bytes(&self, field: &str) -> &[u8] {
        let found = self.0.iter().find(|(name, _)| *name == field);
        found.map_or(&[], |(_, bytes)| bytes)
    }

    /// The text of `field`, with a replacement character for invalid UTF-8.
    pub(crate) fn text(&self, field: &str) -> String {
        String::from_utf8_lossy(self.bytes(field)).into_owned()
    }

    /// The bytes of all fields.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, bytes) in &self.0 {
            let shown = bytes.get(..SHOWN_BYTES_MAX).unwrap_or(bytes);
            let more = if shown.len() < bytes.len() { "..." } else { "" };
            let size = bytes.len();
            writeln!(
                f,
                "    {name} ({size} bytes): {}{more}",
                shown.escape_ascii()
            )?;
        }
        Ok(())
    }
}
