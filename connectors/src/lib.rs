//! Vendor access: a manifest describes the differences between APIs, a pure engine turns
//! `(span, token)` into a request and a response into a page, and one file does the network I/O.
//!
//! | module | holds |
//! | --- | --- |
//! | [`exchange`] | requests, responses, failures and origins as plain values |
//! | [`yaml`] | YAML files into types, with line numbers and hints |
//! | [`manifest`] | the format of a vendor's manifest |
//! | [`registry`] | the built-in manifests |
//! | [`paging`] | pagination, one file per style |
//! | [`connector`] | a manifest compiled for one source: requests out, pages in |
//! | [`records`] | a page's raw record slices with their ids and times |
//! | [`elements`] | the elements of an array, a bounded number at a time |
//! | [`auth`] | the kinds of auth, one file each, and a source's credentials: added last, renewed, masked in messages |
//! | [`client`] | the client of one source: the only caller of the network |
//! | [`http`] | the network, and its seam |
//! | [`hosts`] | the hosts that may receive requests |
//! | [`secret`] | references to secrets, and their resolution |
//! | [`wait`] | the wait that a vendor requests |
//! | `settings` | the settings of a source that its connector needs |
//! | `readings` | a text with its escapings undone |
//! | `scripted` | a transport for tests (feature `test-util`) |

mod arrays;
pub mod auth;
pub mod client;
pub mod connector;
pub mod elements;
pub mod exchange;
pub mod hosts;
pub mod http;
pub mod manifest;
pub mod paging;
mod readings;
pub mod records;
pub mod registry;
#[cfg(feature = "test-util")]
pub mod scripted;
pub mod secret;
mod settings;
pub mod wait;
pub mod yaml;

pub use auth::{Auth, AuthSpec, Credentials};
pub use client::Client;
pub use connector::{
    AdvertisedQuota, CompileError, Connector, Defaults, Page, PageRequest, Record, Settings,
};
pub use exchange::{ApiRequest, ApiResponse, Failure, Origin};
pub use hosts::AllowedHosts;
pub use http::{HttpTransport, Transport, TransportError};
pub use manifest::Manifest;
pub use paging::{End, Next};
