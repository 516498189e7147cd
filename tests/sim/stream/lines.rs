//! Parsing of a stream's records back to their lines.

use serde_json::Value;
use windlass_core::Timestamp;
use windlass_core::ids::WindowId;

/// One line that the stream has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// The record's id.
    pub(crate) id: String,
    /// Name of its source.
    pub(crate) source: String,
    /// The window it was delivered with.
    pub(crate) window: WindowId,
    /// The page of that window.
    pub(crate) page: u64,
    /// Instant at which the stream took it.
    pub(crate) at: Timestamp,
}

/// The lines of `data`, or the problem of the first invalid one.
pub(super) fn read(data: &[u8], at: Timestamp) -> Result<Vec<Delivered>, String> {
    let text = std::str::from_utf8(data).map_err(|_| "a record that is no text".to_owned())?;
    if !text.ends_with('\n') {
        return Err("a record whose last line does not end".to_owned());
    }
    text.lines().map(|line| read_line(line, at)).collect()
}

/// One `line`, without its end, or its problem.
pub(crate) fn read_line(line: &str, at: Timestamp) -> Result<Delivered, String> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("a line that is no JSON: {error}"))?;
    let about = &value["_windlass"];
    let word = |name: &str| {
        about[name]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("a line without `{name}` in its metadata"))
    };
    let window = word("window")?
        .parse()
        .map_err(|_| "a line whose window has no name".to_owned())?;
    if word("id_kind")? != "vendor" {
        return Err("a line whose id is not the vendor's".to_owned());
    }
    Ok(Delivered {
        id: word("id")?,
        source: word("source")?,
        window,
        page: about["page"]
            .as_u64()
            .ok_or("a line without a page number")?,
        at,
    })
}
