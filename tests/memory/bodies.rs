//! Bodies that need much more memory than their size, if they are read carelessly.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

const OPEN: &str = r#"{"items":["#;
const CLOSE: &str = "]}";

/// A response of a vendor.
pub(crate) struct Body {
    pub(crate) what: &'static str,
    /// The bytes on the wire.
    pub(crate) sent: Vec<u8>,
    /// Size of the body after decompression, in bytes.
    pub(crate) bytes: usize,
    pub(crate) records: usize,
    pub(crate) is_gzip: bool,
    /// True if sweeps will read the window again, so that digests are stored.
    pub(crate) swept: bool,
    /// True if lines have metadata, which makes those of tiny records hundreds of times as long.
    pub(crate) metadata: bool,
}

impl Body {
    /// Pages of `bytes` with as many records as possible.
    pub(crate) fn tiny(bytes: usize) -> [Self; 3] {
        [
            Self::of("numbers", bytes, "0"),
            Self::of("empty objects", bytes, "{}"),
            Self {
                swept: true,
                ..Self::of("objects with ids", bytes, r#"{"id":7}"#)
            },
        ]
    }

    /// Pages of `bytes` whose records are forwarded without metadata.
    pub(crate) fn bare(bytes: usize) -> [Self; 2] {
        let bare = |what, record| Self {
            metadata: false,
            ..Self::of(what, bytes, record)
        };
        [
            bare("numbers without metadata", "0"),
            bare("empty objects without metadata", "{}"),
        ]
    }

    /// A page of `bytes` that is compressed to a thousandth.
    pub(crate) fn inflating(bytes: usize) -> io::Result<Self> {
        let body = Self::of("empty objects in gzip", bytes, "{}");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&body.sent)?;
        Ok(Self {
            sent: gzip.finish()?,
            is_gzip: true,
            ..body
        })
    }

    /// Pages of one record of `bytes`: an object, and a reject, which grows by its encoding.
    pub(crate) fn single(bytes: usize) -> [Self; 2] {
        let room = bytes - OPEN.len() - CLOSE.len();
        let large = |open: &str, fill: &str, close: &str| {
            let fill = fill.repeat((room - open.len() - close.len()) / fill.len());
            format!("{open}{fill}{close}")
        };
        [
            Self::of(
                "one object",
                bytes,
                &large(r#"{"id":1,"x":""#, "x", r#""}"#),
            ),
            Self::of("one array", bytes, &large("[0", ",\"x\"", "]")),
        ]
    }

    /// A page of exactly `bytes` with as many of `record` as fit.
    fn of(what: &'static str, bytes: usize, record: &str) -> Self {
        let room = bytes - OPEN.len() - CLOSE.len();
        let records = (room + 1) / (record.len() + 1);
        let mut text = String::with_capacity(bytes);
        text.push_str(OPEN);
        for at in 0..records {
            if at > 0 {
                text.push(',');
            }
            text.push_str(record);
        }
        text.extend(std::iter::repeat_n(' ', bytes - CLOSE.len() - text.len()));
        text.push_str(CLOSE);
        Self {
            what,
            bytes: text.len(),
            sent: text.into_bytes(),
            records,
            is_gzip: false,
            swept: false,
            metadata: true,
        }
    }
}
