//! The stored form of a window.

use serde::{Deserialize, Serialize};
use windlass_core::checkpoint::Cursor;
use windlass_core::ids::{Generation, Lane, Owner, SourceName, Timeline, WindowId};
use windlass_core::time::Timestamp;
use windlass_core::window::{Delivered, Status, Window};

use super::{Attributes, Stored, is_default, read, write};
use crate::error::StateError;

#[derive(Serialize, Deserialize)]
struct WindowItem {
    source: SourceName,
    generation: Generation,
    lane: Lane,
    from: Timestamp,
    to: Timestamp,
    status: Status,
    epoch: u64,
    owner: Option<Owner>,
    lease_until: Option<Timestamp>,
    cursor: Option<String>,
    cursor_for: Option<String>,
    page: u64,
    sink_position: Option<String>,
    records: u64,
    bytes: u64,
    rejected: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    known: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    ordered: bool,
    attempts: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    deaths: u32,
    setbacks: u32,
    restarts: u32,
    restarts_forgiven: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    remembered: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    adopted: bool,
    runs: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    overruns: u32,
    unsent_after: Option<u32>,
    not_before: Option<Timestamp>,
    split_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    split_delivered: Delivered,
    slowest_page_ms: i64,
    last_error: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    done_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl Stored for Window {
    fn to_attributes(&self) -> Attributes {
        write(&WindowItem::from(self.clone()))
    }

    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError> {
        read(key, attributes, WindowItem::into_window)
    }
}

impl From<Window> for WindowItem {
    fn from(window: Window) -> Self {
        let WindowId {
            timeline:
                Timeline {
                    source,
                    generation,
                    lane,
                },
            from,
        } = window.id;
        let (cursor, cursor_for) = match window.cursor {
            Some(Cursor { token, request }) => (Some(token), Some(request)),
            None => (None, None),
        };
        Self {
            source,
            generation,
            lane,
            from,
            to: window.to,
            status: window.status,
            epoch: window.epoch,
            owner: window.owner,
            lease_until: window.lease_until,
            cursor,
            cursor_for,
            page: window.page,
            sink_position: window.sink_position,
            records: window.records,
            bytes: window.bytes,
            rejected: window.rejected,
            known: window.known,
            oldest: window.oldest,
            newest: window.newest,
            ordered: window.ordered,
            attempts: window.attempts,
            deaths: window.deaths,
            setbacks: window.setbacks,
            restarts: window.restarts,
            restarts_forgiven: window.restarts_forgiven,
            remembered: window.remembered,
            adopted: window.adopted,
            runs: window.runs,
            overruns: window.overruns,
            unsent_after: window.unsent_after,
            not_before: window.not_before,
            split_at: window.split_at,
            split_delivered: window.split_delivered,
            slowest_page_ms: window.slowest_page_ms,
            last_error: window.last_error,
            created_at: window.created_at,
            updated_at: window.updated_at,
            done_at: window.done_at,
            expires_at: window.expires_at,
        }
    }
}

impl WindowItem {
    fn into_window(self) -> Result<Window, String> {
        let cursor = match (self.cursor, self.cursor_for) {
            (Some(token), Some(request)) => Some(Cursor { token, request }),
            (None, None) => None,
            _ => return Err("`cursor` and `cursor_for` belong together".to_owned()),
        };
        let timeline = Timeline {
            source: self.source,
            generation: self.generation,
            lane: self.lane,
        };
        Ok(Window {
            id: WindowId {
                timeline,
                from: self.from,
            },
            to: self.to,
            status: self.status,
            epoch: self.epoch,
            owner: self.owner,
            lease_until: self.lease_until,
            cursor,
            page: self.page,
            sink_position: self.sink_position,
            records: self.records,
            bytes: self.bytes,
            rejected: self.rejected,
            known: self.known,
            oldest: self.oldest,
            newest: self.newest,
            ordered: self.ordered,
            attempts: self.attempts,
            deaths: self.deaths,
            setbacks: self.setbacks,
            restarts: self.restarts,
            restarts_forgiven: self.restarts_forgiven,
            remembered: self.remembered,
            adopted: self.adopted,
            runs: self.runs,
            overruns: self.overruns,
            unsent_after: self.unsent_after,
            not_before: self.not_before,
            split_at: self.split_at,
            split_delivered: self.split_delivered,
            slowest_page_ms: self.slowest_page_ms,
            last_error: self.last_error,
            created_at: self.created_at,
            updated_at: self.updated_at,
            done_at: self.done_at,
            expires_at: self.expires_at,
        })
    }
}
