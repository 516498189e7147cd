//! Speaking to vendors: a manifest says how one API differs from the others, a pure engine turns
//! `(span, token)` into a request and a reply into a page, and one file touches the network.
//!
//! | module | is about |
//! | --- | --- |
//! | [`exchange`] | requests, replies, failures and origins as plain values |
//! | [`yaml`] | files into types, with line numbers and hints |
//! | [`manifest`] | what a vendor's manifest may say |
//! | [`registry`] | the built-in manifests |
//! | [`paging`] | how one page leads to the next: a file per pagination style |
//! | [`connector`] | a manifest compiled for one source: requests out, pages in |
//! | [`records`] | a page's raw record slices with their ids and times |
//! | [`elements`] | the elements of an array, a bounded number at a time |
//! | [`auth`] | the kinds of auth, a file each, and a source's credentials: added last, renewed, taken out of messages |
//! | [`client`] | one source's way to its vendor: the only caller of the network |
//! | [`http`] | the network, and the seam for it |
//! | [`hosts`] | which hosts requests may go to |
//! | [`secret`] | references to secrets, and fetching them |
//! | [`wait`] | how long a vendor asks to wait |
//! | `settings` | the settings of a source that its connector needs |
//! | `readings` | a text with its escapings undone |
//! | `scripted` | a transport for tests (feature `test-util`) |

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
    Budget, CompileError, Connector, Defaults, Page, PageRequest, Record, Settings,
};
pub use exchange::{ApiRequest, ApiResponse, Failure, Origin};
pub use hosts::AllowedHosts;
pub use http::{HttpTransport, Transport, TransportError};
pub use manifest::Manifest;
pub use paging::{End, Next};
