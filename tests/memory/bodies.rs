//! Bodies that need much more memory than their size, if they are not read with care.

/// What the vendor returns.
pub(crate) struct Body {
    pub(crate) what: &'static str,
    pub(crate) text: Vec<u8>,
    pub(crate) records: usize,
    /// Whether sweeps will read the window again, so that ids are remembered.
    pub(crate) swept: bool,
}

impl Body {
    /// Pages of `bytes` with as many records as there can be.
    pub(crate) fn tiny(bytes: usize) -> [Self; 3] {
        [
            Self::of("numbers", bytes, "0", false),
            Self::of("empty objects", bytes, "{}", false),
            Self::of("objects with ids", bytes, r#"{"id":7}"#, true),
        ]
    }

    /// Pages of one record of `bytes`: an object, and one that has to be rejected and grows by that.
    pub(crate) fn single(bytes: usize) -> [Self; 2] {
        let large = |open: &str, fill: &str, close: &str| {
            let fill = fill.repeat((bytes - open.len() - close.len()) / fill.len());
            format!(r#"{{"items":[{open}{fill}{close}]}}"#).into_bytes()
        };
        let of = |what, text| Self {
            what,
            text,
            records: 1,
            swept: false,
        };
        [
            of("one object", large(r#"{"id":1,"x":""#, "x", r#""}"#)),
            of("one array", large("[0", ",\"x\"", "]")),
        ]
    }

    fn of(what: &'static str, bytes: usize, record: &str, swept: bool) -> Self {
        let records = bytes / (record.len() + 1);
        let mut text = String::with_capacity(bytes + 16);
        text.push_str(r#"{"items":["#);
        for at in 0..records {
            if at > 0 {
                text.push(',');
            }
            text.push_str(record);
        }
        text.push_str("]}");
        Self {
            what,
            text: text.into_bytes(),
            records,
            swept,
        }
    }
}
