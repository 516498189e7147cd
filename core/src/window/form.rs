//! The one form of a window outside this program: a flat list of named attributes. It is the item in
//! DynamoDB, the row in SQLite, `windlass show` as text and as JSON, and the table of attributes in
//! docs/DATA_MODEL.md. A new attribute is declared here once.

mod build;

use serde::{Deserialize, Serialize};

pub use self::build::Contradiction;
use super::{Delivered, Status};
use crate::ids::{Generation, Lane, Owner, SourceName};
use crate::time::Timestamp;

/// One attribute of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// The name in every representation.
    pub name: &'static str,
    /// The Rust type.
    pub rust_type: &'static str,
    /// The sentence about it in the documents.
    pub meaning: &'static str,
    /// The condition under which a stored item has it.
    pub presence: Presence,
}

/// The conditions under which a stored item has an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Every item has it.
    Always,
    /// An item with a value for it has it.
    Optional,
    /// An item has it unless it is 0, false or `nothing`, so that items stay small.
    Sparse,
}

impl Attribute {
    /// Returns whether its value is an instant.
    pub fn is_time(&self) -> bool {
        self.rust_type.contains("Timestamp")
    }
}

/// Declares a struct whose fields are described by `ATTRIBUTES`. A field with `#[serde(default)]`
/// is sparse, an `Option` is optional, and any other is always present.
macro_rules! form {
    (
        $(#[$meta:meta])*
        pub struct $Form:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($default:ident)])?
                pub $name:ident: $type:ty,
            )+
        }
    ) => {
        $(#[$meta])*
        pub struct $Form {
            $(
                $(#[doc = $doc])+
                $(#[serde($default)])?
                pub $name: $type,
            )+
        }

        impl $Form {
            /// The attributes in display order.
            pub const ATTRIBUTES: &[Attribute] = &[
                $(
                    Attribute {
                        name: stringify!($name),
                        rust_type: stringify!($type),
                        meaning: concat!($($doc),+),
                        presence: presence(stringify!($type), &[$(stringify!($default))?]),
                    },
                )+
            ];
        }
    };
}

const fn presence(rust_type: &str, defaults: &[&str]) -> Presence {
    if !defaults.is_empty() {
        return Presence::Sparse;
    }
    match rust_type.as_bytes() {
        [b'O', b'p', b't', b'i', b'o', b'n', ..] => Presence::Optional,
        _ => Presence::Always,
    }
}

form! {
    /// A window as a flat list of attributes. Only the conversion to a [`Window`] rejects
    /// contradictory ones.
    ///
    /// [`Window`]: super::Window
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct WindowForm {
        /// Name of its source.
        pub source: SourceName,
        /// Generation of its timeline.
        pub generation: Generation,
        /// Lane of its timeline.
        pub lane: Lane,
        /// First instant of the span.
        pub from: Timestamp,
        /// First instant after the span, later than `from`.
        pub to: Timestamp,
        /// Its phase: `ready`, `dispatched`, `running`, `done` or `parked`.
        pub status: Status,
        /// The fence: rises with every change of ownership, from 1.
        pub epoch: u64,
        /// While running: the nonce of the claim that holds it.
        pub owner: Option<Owner>,
        /// While running: the end of the lease.
        pub lease_until: Option<Timestamp>,
        /// While dispatched: the instant at which the dispatch counts as lost.
        pub dispatched_until: Option<Timestamp>,
        /// The vendor's token for the next page, without credentials. Absent at page one and once
        /// done.
        pub cursor: Option<String>,
        /// Hash of the request that `cursor` belongs to; with `cursor` only.
        pub cursor_for: Option<String>,
        /// With one-time page tokens: the run that ended without having sent `cursor`. Only the
        /// next run may send it.
        pub unsent_after: Option<u32>,
        /// Checkpointed pages; a restart does not reset the number.
        pub page: u64,
        /// The sink position after the last checkpoint, in the sink's own form.
        pub sink_position: Option<String>,
        /// Records delivered since the last restart.
        pub records: u64,
        /// Bytes of those records as received from the vendor.
        pub bytes: u64,
        /// Rejects since the last restart.
        pub rejected: u64,
        /// Records that a sweep found already delivered, since the last restart.
        #[serde(default)]
        pub known: u64,
        /// Earliest record time since the last restart.
        pub oldest: Option<Timestamp>,
        /// Latest record time since the last restart, not before `oldest`.
        pub newest: Option<Timestamp>,
        /// Every page since the last restart kept the order that its manifest declares.
        pub ordered: bool,
        /// The ids of everything delivered since the last restart are in seen pages.
        #[serde(default)]
        pub remembered: bool,
        /// After `windlass adopt`: a file that this state did not write may have some of its records,
        /// and seen pages name them.
        #[serde(default)]
        pub adopted: bool,
        /// Number of runs.
        pub runs: u32,
        /// Runs since the last checkpoint that count towards parking; at most `runs`.
        pub attempts: u32,
        /// Consecutive deaths of the process while it was in flight without a page. One makes it a
        /// suspect.
        #[serde(default)]
        pub deaths: u32,
        /// Runs since the last checkpoint that ended in an outage or an unusable page; sets the
        /// next backoff.
        pub setbacks: u32,
        /// Restarts at page one.
        pub restarts: u32,
        /// Restarts that an operator's retry has forgiven, at most `restarts`.
        pub restarts_forgiven: u32,
        /// Runs that delivered pages and ended before the window did, since its last split; at most
        /// `runs`.
        #[serde(default)]
        pub overruns: u32,
        /// While ready: the earliest next claim. While parked as a suspect: the next probe.
        pub not_before: Option<Timestamp>,
        /// While ready or parked: the pending split point, inside its span.
        pub split_at: Option<Timestamp>,
        /// The delivered part of a window with a pending split: `before` or `after` the split
        /// point, or nothing.
        #[serde(default)]
        pub split_delivered: Delivered,
        /// Slowest of the last pages, fetch and delivery, in milliseconds; halves with each faster
        /// page.
        pub slowest_page_ms: i64,
        /// The last error, without secrets or record bodies. For a parked window, the reason.
        pub last_error: Option<String>,
        /// The instant of its creation, or of the vendor's last response if the planner's clock was
        /// ahead of the vendor's.
        pub created_at: Timestamp,
        /// The instant of its last move.
        pub updated_at: Timestamp,
        /// While done: the instant of its completion.
        pub done_at: Option<Timestamp>,
        /// While done: the instant from which its history may be deleted.
        pub expires_at: Option<Timestamp>,
    }
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
