//! Validated names of sources, generations, lanes, timelines, windows and owners. Parsing rejects
//! invalid text, so that a key built from them cannot be forged.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limits;
use crate::time::Timestamp;

/// The error of a name that is not of the form of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: expected {expected}")]
pub struct InvalidId {
    /// The kind of the name.
    pub kind: &'static str,
    /// The expected form.
    pub expected: &'static str,
    /// The invalid text.
    pub text: String,
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= limits::NAME_BYTES_MAX
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { kind: $kind, expected: $expected, text: text.to_owned() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The name of a source, such as `google-login`.
    SourceName, "source name", "1 to 63 of a-z, 0-9 and -, not starting with -", is_name
);
text_id!(
    /// The hash of a source's identity. A change starts a new timeline.
    Generation, "generation", "12 lower-case hex digits", |text| is_hex(text, 12)
);
text_id!(
    /// The hash of the manifest facts that applying freezes, in two halves: the facts that only the
    /// manifest holds, and those that the policy holds as well.
    ManifestHash, "manifest hash", "12 lower-case hex digits, a dot and 12 more",
    |text| text.split_once('.').is_some_and(|(facts, policy)| is_hex(facts, 12) && is_hex(policy, 12))
);
text_id!(
    /// A fresh random nonce that a claim writes to its window; never an invocation's request id.
    Owner, "owner", "32 lower-case hex digits", |text| is_hex(text, 32)
);
text_id!(
    /// The random id of a state, made once. It does not depend on the location of the state.
    StateId, "state id", "32 lower-case hex digits", |text| is_hex(text, 32)
);
text_id!(
    /// The random mark that a run leaves in an output folder.
    MarkId, "mark id", "32 lower-case hex digits", |text| is_hex(text, 32)
);
text_id!(
    /// The sources that share a vendor's quota: an account, an organization or a project.
    RateGroup, "rate group", "1 to 200 printable characters without # and spaces",
    |text| !text.is_empty() && text.len() <= 200 && text.chars().all(|c| !c.is_control() && c != '#' && c != ' ')
);

impl Generation {
    /// The generation of a timeline with this identity: connector, parameters (in key order) and
    /// origin. Each part is prefixed with its length, so no two identities share an encoding.
    pub fn of<'a>(
        connector: &str,
        params: impl IntoIterator<Item = (&'a String, &'a String)>,
        origin: &str,
    ) -> Self {
        let params = params.into_iter();
        let params = params.flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        Self(hash_of([connector, origin].into_iter().chain(params)))
    }
}

impl ManifestHash {
    /// The hash of the `facts` that only the manifest holds, and of the `policy` facts that the
    /// policy holds as well.
    pub fn of(facts: &[String], policy: &[String]) -> Self {
        let [facts, policy] = [facts, policy].map(|it| hash_of(it.iter().map(String::as_str)));
        Self(format!("{facts}.{policy}"))
    }

    /// Returns whether `other` has the same facts, with any policy.
    pub fn has_facts_of(&self, other: &Self) -> bool {
        let facts = |hash: &Self| hash.0.split('.').next().map(str::to_owned);
        facts(self) == facts(other)
    }
}

/// Six bytes of the hash of `texts`, each prefixed with its length.
fn hash_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
    }
    hex(&hash.finalize(), 6)
}

impl Owner {
    /// The owner with the number `random`.
    pub fn from_random(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }
}

impl StateId {
    /// The id with the number `random`.
    pub fn from_random(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }
}

impl MarkId {
    /// The mark with the number `random`.
    pub fn from_random(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }
}

/// The first `bytes` bytes of `digest` as lower-case hex.
pub fn hex(digest: &[u8], bytes: usize) -> String {
    digest
        .iter()
        .take(bytes)
        .fold(String::new(), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            text
        })
}

/// A series of windows of a source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lane {
    /// The lane that follows the present.
    Live,
    /// The n-th sweep over settled time, for late-arriving records.
    Sweep(u8),
    /// A bounded lane over older time, by name.
    Backfill(String),
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Sweep(number) => write!(f, "sweep-{number}"),
            Self::Backfill(name) => write!(f, "backfill-{name}"),
        }
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Lane {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let lane = match text.split_once('-') {
            None if text == "live" => Some(Self::Live),
            Some(("sweep", number)) => number
                .parse()
                .ok()
                .filter(|n: &u8| n.to_string() == number)
                .map(Self::Sweep),
            Some(("backfill", name)) if is_name(name) => Some(Self::Backfill(name.to_owned())),
            _ => None,
        };
        lane.ok_or_else(|| InvalidId {
            kind: "lane",
            expected: "live, sweep-N or backfill-NAME",
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Lane {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Lane> for String {
    fn from(lane: Lane) -> Self {
        lane.to_string()
    }
}

/// One lane of one generation of one source, with its own windows and progress item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timeline {
    /// The source that is read.
    pub source: SourceName,
    /// The generation of that source.
    pub generation: Generation,
    /// The lane of that generation.
    pub lane: Lane,
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.source, self.generation, self.lane)
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of a window: its timeline and its start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowId {
    /// The timeline of the window.
    pub timeline: Timeline,
    /// The first instant of the window.
    pub from: Timestamp,
}

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.timeline, self.from)
    }
}

impl fmt::Debug for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WindowId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            kind: "window",
            expected: "SOURCE/GENERATION/LANE/FROM as `windlass windows` prints it",
            text: text.to_owned(),
        };
        let mut parts = text.splitn(4, '/');
        let mut next = || parts.next().ok_or_else(invalid);
        let (source, generation, lane, from) = (next()?, next()?, next()?, next()?);
        Ok(Self {
            timeline: Timeline {
                source: source.parse()?,
                generation: generation.parse()?,
                lane: lane.parse()?,
            },
            from: from.parse().map_err(|_| invalid())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn source_name_cannot_forge_key() {
        for bad in ["", "-a", "a#b", "a/b", "A", "a b", "ä", &"x".repeat(64)] {
            assert!(bad.parse::<SourceName>().is_err(), "{bad}");
        }
        assert!("x".repeat(63).parse::<SourceName>().is_ok());
    }

    #[test]
    fn window_id_round_trips_through_text() {
        let text = "okta/0123456789ab/backfill-2024-q1/2026-01-01T00:00:00.000Z";
        assert_eq!(text.parse::<WindowId>().unwrap().to_string(), text);
        assert!("okta/0123456789ab/live".parse::<WindowId>().is_err());
        assert!(
            "okta/0123456789ab/tail/2026-01-01T00:00:00Z"
                .parse::<WindowId>()
                .is_err()
        );
    }

    #[test]
    fn lane_has_exactly_one_text_form() {
        for text in ["live", "sweep-1", "backfill-x"] {
            assert_eq!(text.parse::<Lane>().unwrap().to_string(), text);
        }
        for bad in ["sweep-01", "sweep-", "live-1", "backfill-", "sweep-256"] {
            assert!(bad.parse::<Lane>().is_err(), "{bad}");
        }
    }

    #[test]
    fn generation_depends_only_on_identity() {
        let params = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let one = params(&[("a", "bc")]);
        let base = Generation::of("okta", &one, "https://a.example");
        assert_eq!(
            base,
            Generation::of("okta", &params(&[("a", "bc")]), "https://a.example")
        );
        assert_ne!(
            base,
            Generation::of("okta", &params(&[("ab", "c")]), "https://a.example")
        );
        assert_ne!(base, Generation::of("okta", &one, "https://b.example"));
        assert_ne!(base, Generation::of("slack", &one, "https://a.example"));
    }
}
